import { fileURLToPath } from "node:url";
import { editCorefile } from "../../deploy/demo/cluster-dns.ts";
import { internalUser } from "../../deploy/demo/conversation.ts";
import type { Kubectl, KubernetesObject } from "../../deploy/demo/kubectl.ts";
import { installOperator, OPERATOR_DEPLOYMENT, OPERATOR_NAMESPACE } from "../../deploy/demo/operator.ts";
import { CERTIFICATE_SECRET, type Scene } from "../../deploy/demo/scene.ts";
import { xmppServerServices } from "../../deploy/demo/xmpp-server.ts";
import { buildImage, clusterLoad } from "../../deploy/kind/cluster.ts";
import { makeSelfSignedCertificate } from "../../src/controller/self-signed-certificate.ts";
import { generatedSecretName, nodeObjectName } from "../../src/model/names.ts";
import type { RestartReason } from "../../src/rollout/reasons.ts";
import { Authority } from "../gateway/lib/certificates.ts";
import { images } from "../lib/cluster/environment.ts";

/** What a case changes. */
export interface Subject {
	readonly kubectl: Kubectl;
	readonly scene: Scene;
	/** The image that the federation runs. */
	readonly image: string;
}

/**
 * A change and what it restarts, as the table of src/rollout has it. Cases follow each other: each finds the federation as
 * those before have left it.
 */
export interface RestartCase {
	readonly reason: RestartReason;
	readonly what: string;
	/** Nodes that get another pod, that are made, and that go. */
	readonly restarts: readonly string[];
	readonly starts?: readonly string[];
	readonly stops?: readonly string[];
	/** What has to be there before, which restarts nothing that the case is about. */
	readonly prepare?: (subject: Subject) => Promise<void>;
	readonly change: (subject: Subject) => Promise<void>;
	/** A setting of the operator: the other federation restarts too. */
	readonly everyFederation?: true;
	/** Whether `npm test` has it. */
	readonly representative?: true;
}

type Node = NonNullable<Scene["nodes"]>[number];

const enabled = (name: string, more: Partial<Node> = {}): Node => ({ name, federation: "Enabled", ...more });
const [gw1, gw2, gw3]: Node[] = [enabled("gw-1"), enabled("gw-2"), { name: "gw-3" }];
export const nodes: readonly Node[] = [gw1, gw2, gw3].filter((node) => node !== undefined);
const all = nodes.map(({ name }) => name);
const withNode = (name: string, more: Partial<Node>) =>
	nodes.map((node) => (node.name === name ? { ...node, ...more } : node));

const second = "second-name";
const people = "people";

export const restartCases: readonly RestartCase[] = [
	{
		reason: "PlacementChanged",
		what: "the resources of one node",
		restarts: ["gw-2"],
		change: (subject) => patch(subject, { nodes: withNode("gw-2", { resources: { requests: { cpu: "15m" } } }) }),
		representative: true,
	},
	{
		reason: "PublishedChanged",
		what: "one node is not published any more",
		restarts: ["gw-2"],
		change: (subject) => patch(subject, { nodes: withNode("gw-2", { published: false }) }),
	},
	{
		reason: "PublishedChanged",
		what: "and is again",
		restarts: ["gw-2"],
		change: (subject) => patch(subject, { nodes }),
	},
	{
		reason: "UpstreamChanged",
		what: "one node gets an upstream of its own",
		restarts: ["gw-3"],
		prepare: nameUpstreamAgain,
		change: (subject) => patch(subject, { nodes: withNode("gw-3", { upstream: upstream(subject, second) }) }),
	},
	{
		reason: "UpstreamChanged",
		what: "another upstream for those that have none of their own",
		restarts: ["gw-1", "gw-2"],
		change: (subject) => patch(subject, { upstream: upstream(subject, second) }),
	},
	{
		reason: "NodeAdded",
		what: "a Disabled node is added",
		restarts: [],
		starts: ["in-1"],
		change: (subject) => patch(subject, { nodes: [...nodes, { name: "in-1" }] }),
	},
	{
		reason: "NodeRemoved",
		what: "a Disabled node is removed",
		restarts: [],
		stops: ["in-1"],
		change: (subject) => patch(subject, { nodes }),
	},
	{
		reason: "FederationToggled",
		what: "federation is enabled at one node",
		restarts: all,
		change: (subject) => patch(subject, { nodes: withNode("gw-3", { federation: "Enabled" }) }),
		representative: true,
	},
	{
		reason: "FederationToggled",
		what: "and disabled again",
		restarts: all,
		change: (subject) => patch(subject, { nodes }),
	},
	{
		reason: "EnabledNodeAdded",
		what: "an Enabled node is added",
		restarts: all,
		starts: ["gw-4"],
		change: (subject) => patch(subject, { nodes: [...nodes, enabled("gw-4")] }),
	},
	{
		reason: "EnabledNodeRemoved",
		what: "an Enabled node is removed",
		restarts: all,
		stops: ["gw-4"],
		change: (subject) => patch(subject, { nodes }),
	},
	{
		reason: "DomainsChanged",
		what: "one more domain",
		restarts: all,
		change: (subject) =>
			patch(subject, {
				additionalDomains: [subject.scene.internal.roomsDomain, `more.${subject.scene.internal.domain}`],
			}),
	},
	{
		reason: "CertificateChanged",
		what: "another certificate in the same Secret",
		restarts: all,
		change: replaceCertificate,
	},
	{
		reason: "DialbackSecretChanged",
		what: "a dialback secret is given",
		restarts: all,
		change: giveDialbackSecret,
	},
	{
		reason: "SecurityChanged",
		what: "TLS becomes optional",
		restarts: all,
		change: (subject) => patch(subject, { security: { mode: "TLSOptional" } }),
	},
	{
		reason: "PeerChanged",
		what: "a peer gets settings of its own",
		restarts: all,
		change: (subject) => patch(subject, { peers: [{ domain: "somebody.example", security: { mode: "TLSRequired" } }] }),
	},
	{
		reason: "TrustedCAsChanged",
		what: "one more authority is trusted",
		restarts: all,
		change: trustOneMore,
	},
	{
		reason: "LimitsChanged",
		what: "streams of a peer in a minute",
		restarts: all,
		change: (subject) => patch(subject, { limits: { streamsPerMinute: 600 } }),
	},
	{
		reason: "PolicyChanged",
		what: "a domain is denied",
		restarts: all,
		change: denySomebody,
	},
	{
		reason: "AliasChanged",
		what: "a chat node gets a public domain",
		restarts: all,
		change: (subject) => serveAlias(subject, "gw-3"),
	},
	{
		reason: "AliasChanged",
		what: "which moves to another node",
		restarts: ["gw-2", "gw-3"],
		change: (subject) => serveAlias(subject, "gw-2"),
	},
	{
		reason: "EmailAddressesChanged",
		what: "users are known by their email addresses",
		restarts: all,
		prepare: mapUser,
		change: (subject) => patch(subject, { emailAddresses: { mappingRefs: [{ configMapRef: { name: people } }] } }),
	},
	{
		reason: "UnmappedUsersChanged",
		what: "who has none keeps the own name",
		restarts: all,
		change: (subject) => patch(subject, { emailAddresses: { unmappedUsers: "PassThrough" } }),
	},
	{
		reason: "EmailAddressesChanged",
		what: "and all do again",
		restarts: all,
		change: (subject) => patch(subject, { emailAddresses: null }),
	},
	{
		reason: "LinkSecretChanged",
		what: "another link secret",
		restarts: all,
		change: async (subject) => await whileNoOperatorRuns(subject, () => replaceLinkSecret(subject)),
	},
	{
		reason: "ImageChanged",
		what: "another image",
		restarts: all,
		prepare: async ({ kubectl: { cluster }, image }) => {
			const context = fileURLToPath(new URL("../../deploy/gateway", import.meta.url));
			await clusterLoad(cluster, [await buildImage({ context, tag: anotherTag(image) })]);
		},
		change: (subject) => patch(subject, { image: anotherTag(subject.image) }),
	},
	{
		reason: "RolloutChanged",
		what: "drainSeconds",
		restarts: all,
		change: (subject) => patch(subject, { rollout: { drainSeconds: 20 } }),
	},
	{
		reason: "Requested",
		what: "a restart of one node is asked for",
		restarts: ["gw-1"],
		change: (subject) => annotate(subject, "xmppfed.dev/restart", `gw-1@${new Date().toISOString()}`),
		representative: true,
	},
	{
		reason: "Requested",
		what: "a restart of all nodes is asked for",
		restarts: all,
		change: (subject) => annotate(subject, "xmppfed.dev/restart", new Date().toISOString()),
	},
	{
		reason: "Drifted",
		what: "a Deployment that was changed by hand is put back",
		restarts: ["gw-2"],
		// By hand there is a restart as well: the case is what comes after it.
		prepare: async (subject) => {
			await scaleOperator(subject, 0);
			await changeByHand(subject, "gw-2");
		},
		change: (subject) => scaleOperator(subject, 2),
	},
	{
		reason: "OperatorChanged",
		what: "the operator is told another --cluster-domain",
		restarts: all,
		everyFederation: true,
		prepare: async ({ kubectl }) => void (await editCorefile(kubectl, (corefile) => withZone(corefile, anotherZone))),
		change: ({ kubectl }) => setClusterDomain(kubectl, anotherZone),
	},
	{
		reason: "OperatorChanged",
		what: "and its first one again",
		restarts: all,
		everyFederation: true,
		change: ({ kubectl }) => setClusterDomain(kubectl, undefined),
	},
];

const anotherZone = "another.lab";

function anotherTag(image: string): string {
	return `${image}-again`;
}

/** A Corefile that serves the cluster's names in one more zone. Once is enough. */
function withZone(corefile: string, zone: string): string {
	return corefile.includes(zone)
		? corefile
		: corefile
				.replace("cluster.local:53", `cluster.local:53 ${zone}:53`)
				.replace("kubernetes cluster.local", `kubernetes cluster.local ${zone}`);
}

async function patch({ kubectl, scene }: Subject, spec: object): Promise<void> {
	await kubectl.patch("xmppfederation", scene.federation, scene.internal.namespace, { spec });
}

async function annotate({ kubectl, scene }: Subject, annotation: string, value: string): Promise<void> {
	const metadata = { annotations: { [annotation]: value } };
	await kubectl.patch("xmppfederation", scene.federation, scene.internal.namespace, { metadata });
}

function upstream({ scene }: Subject, service: string): { host: string } {
	return { host: `${service}.${scene.internal.namespace}.svc` };
}

/** One more Service of the internal server. */
async function nameUpstreamAgain({ kubectl, scene }: Subject): Promise<void> {
	const { namespace, server } = scene.internal;
	const [service] = xmppServerServices({ name: server, namespace });
	if (!service) throw new Error("the internal server has no Service for other servers");
	await kubectl.apply({ ...service, metadata: { ...service.metadata, name: second } });
}

async function replaceCertificate({ kubectl, scene }: Subject): Promise<void> {
	const { namespace, domain, roomsDomain } = scene.internal;
	const { certificate, key } = await makeSelfSignedCertificate([domain, roomsDomain, `more.${domain}`], new Date());
	await kubectl.patch("secret", CERTIFICATE_SECRET, namespace, { data: { "tls.crt": certificate, "tls.key": key } });
}

async function trustOneMore(subject: Subject): Promise<void> {
	const { kubectl, scene } = subject;
	const { certificate } = await Authority.create();
	const metadata = { name: "authorities", namespace: scene.internal.namespace };
	const configMap = { apiVersion: "v1", kind: "ConfigMap", metadata, data: { "ca.crt": certificate } };
	await kubectl.apply(configMap);
	await patch(subject, { security: { trustedCAs: { configMapRef: { name: metadata.name } } } });
}

async function denySomebody({ kubectl, scene }: Subject): Promise<void> {
	const metadata = { name: "policy", namespace: scene.internal.namespace };
	const exceptions = [{ domain: "somebody.example" }];
	const spec = { federationRef: { name: scene.federation }, default: "Allow", exceptions };
	const policy = { apiVersion: "xmppfed.dev/v1alpha1", kind: "FederationPolicy", metadata, spec };
	await kubectl.apply(policy);
}

async function serveAlias({ kubectl, scene }: Subject, node: string): Promise<void> {
	const metadata = { name: "conference", namespace: scene.internal.namespace };
	const spec = { federationRef: { name: scene.federation }, alias: `conference.${scene.internal.domain}`, node };
	const alias = { apiVersion: "xmppfed.dev/v1alpha1", kind: "ChatNodeAlias", metadata, spec };
	await kubectl.apply(alias);
}

/** The address is the user's own name, so that whoever counts messages finds the user by it before and after. */
async function mapUser({ kubectl, scene }: Subject): Promise<void> {
	const { namespace, domain } = scene.internal;
	const data = { list: `${internalUser.name} = ${internalUser.name}@${domain}\n` };
	const configMap = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: people, namespace }, data };
	await kubectl.apply(configMap);
}

async function giveDialbackSecret(subject: Subject): Promise<void> {
	const { kubectl, scene } = subject;
	const metadata = { name: "dialback", namespace: scene.internal.namespace };
	const stringData = { secret: "a dialback secret of somebody's own" };
	const secret = { apiVersion: "v1", kind: "Secret", metadata, stringData };
	await kubectl.apply(secret);
	await patch(subject, { security: { dialback: { secretRef: { name: "dialback" } } } });
}

interface Secret extends KubernetesObject {
	readonly data: Readonly<Record<string, string>>;
}

/** The Secret is immutable: whoever wants another link secret makes it anew. */
async function replaceLinkSecret({ kubectl, scene }: Subject): Promise<void> {
	const { namespace } = scene.internal;
	const name = generatedSecretName(scene.federation);
	const secret = await kubectl.find<Secret>("secret", name, namespace);
	if (!secret) throw new Error(`there is no Secret ${name}`);
	await kubectl.delete("secret", name, namespace);
	const { labels = {}, ownerReferences = [] } = secret.metadata;
	const data = { ...secret.data, "link-secret": Buffer.from("another link secret".repeat(3)).toString("base64") };
	const metadata = { name, namespace, labels, ownerReferences };
	await kubectl.apply({ ...secret, metadata, data } as Secret);
}

async function whileNoOperatorRuns(subject: Subject, work: () => Promise<void>): Promise<void> {
	await scaleOperator(subject, 0);
	await work();
	await scaleOperator(subject, 2);
}

async function scaleOperator({ kubectl }: Subject, replicas: number): Promise<void> {
	const deployment = `deployment/${OPERATOR_DEPLOYMENT}`;
	await kubectl.run(["scale", deployment, "-n", OPERATOR_NAMESPACE, `--replicas=${replicas}`]);
	const selector = `app.kubernetes.io/name=${OPERATOR_DEPLOYMENT}`;
	if (replicas > 0) await kubectl.run(["rollout", "status", deployment, "-n", OPERATOR_NAMESPACE, "--timeout=120s"]);
	else await kubectl.run(["wait", "--for=delete", "pod", "-n", OPERATOR_NAMESPACE, "-l", selector, "--timeout=60s"]);
}

async function changeByHand({ kubectl, scene }: Subject, node: string): Promise<void> {
	const { namespace } = scene.internal;
	const name = nodeObjectName(scene.federation, node);
	await kubectl.patch("deployment", name, namespace, {
		spec: { template: { spec: { terminationGracePeriodSeconds: 77 } } },
	});
	await kubectl.run(["rollout", "status", `deployment/${name}`, "-n", namespace, "--timeout=120s"]);
}

/** undefined: the chart's default. */
async function setClusterDomain(kubectl: Kubectl, zone: string | undefined): Promise<void> {
	await installOperator(kubectl, images(), { values: zone === undefined ? [] : [`clusterDomain=${zone}`] });
}
