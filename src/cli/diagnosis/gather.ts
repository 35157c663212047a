import { randomBytes } from "node:crypto";
import type { Ask } from "../../dns/asker.ts";
import { containerNames } from "../../gateway/layout.ts";
import type { KubernetesClient } from "../../kubernetes/client.ts";
import { controllerOf, type Observed } from "../../kubernetes/object.ts";
import { configMaps, deployments, secrets } from "../../kubernetes/resources.ts";
import { localDomains, publicDomains } from "../../model/domains.ts";
import { intentOf } from "../../model/federation.ts";
import { trustedAuthoritiesOf } from "../../model/federation-credentials.ts";
import type { FederationIntent } from "../../model/intent.ts";
import { acceptedDialbackName, issuedCertificateName, selfSignedSecretName } from "../../model/names.ts";
import { parseCertificate } from "../../model/pem.ts";
import { recordedPolicy } from "../../model/policy/in-force.ts";
import { secretDigest } from "../../model/secret-digest.ts";
import { type SettingDigests, sharedSettings, usesDialback } from "../../model/shared-settings.ts";
import type { StoredFederation } from "../../model/stored-federation.ts";
import { signingSecret } from "../../objects/dialback-secrets.ts";
import { federationLabel, nodeLabel } from "../../objects/labels.ts";
import { aliasesIn, judgeIn } from "../aliases.ts";
import { runningNodes } from "../applied-nodes.ts";
import { askPeers } from "../ask-peers.ts";
import type { ClusterAccess } from "../connect.ts";
import { checkDomain } from "../dns-check-domain.ts";
import { explain, Failure } from "../failure.ts";
import { viewOf } from "../federation-view.ts";
import { type FederationObject, federations } from "../federations.ts";
import { type GatewayPod, gatewayPods } from "../gateway-pods.ts";
import { operatorsOf } from "../operators.ts";
import { policyInForce } from "../policies.ts";
import { storedFederation } from "../stored.ts";
import { certificateView } from "./certificate-view.ts";
import type { CertificateView, ClusterFacts, DiagnosisFacts, EndpointFacts, FederationFacts, Known } from "./facts.ts";
import { probeEndpoint } from "./probe.ts";
import { values } from "./report.ts";

export interface DiagnosisScope {
	/** Federations of the domains that this one has; undefined: all. */
	readonly name: string | undefined;
	readonly allNamespaces: boolean;
}

/** A cluster that can be talked to, or why it cannot. */
export type Reached = { readonly cluster: string } & (
	| { readonly access: ClusterAccess }
	| { readonly problem: string }
);

/** Of one run: what was made with it can be compared, and says nothing to anybody afterwards. */
const digestKey = randomBytes(32).toString("base64");

/** ms for a gateway pod to connect to an address. */
const podTimeout = 10_000;
/** What `bash` does by itself: the gateway's image has nothing else that connects. */
const connectCommand = 'exec 3<>"/dev/tcp/$0/$1"';

/** Reads and tries all that a diagnosis goes by. What cannot be read or tried is noted, and the rest goes on. */
export async function gatherDiagnosis(
	accesses: readonly ClusterAccess[],
	scope: DiagnosisScope,
	ask: Ask,
	now: () => Date,
): Promise<DiagnosisFacts> {
	const listed = await Promise.all(accesses.map(async (access) => ({ access, found: await listIn(access, scope) })));
	const clusters = await Promise.all(
		chooseFederations(listed, scope).map(async ({ access, found }): Promise<ClusterFacts> => {
			const { context: cluster, client } = access;
			const operators = await known(async () => await operatorsOf(client));
			if ("problem" in found) return { cluster, operators, federations: found };
			const facts = found.value.map(async (object) => await factsOf(access, object, now()));
			return { cluster, operators, federations: { value: await Promise.all(facts) } };
		}),
	);
	const all = values(clusters.map((facts) => facts.federations)).flat();
	const pods = accesses.map((access) => probingPod(access, all));
	const tried = await Promise.all(all.map(async (facts) => await withEndpoints(facts, pods)));
	const lookups = await Promise.all(
		domainsOf(all).map(async (domain) => [domain, await checkDomain(domain, ask)] as const),
	);
	return {
		at: now(),
		clusters: clusters.map((facts) =>
			"value" in facts.federations
				? { ...facts, federations: { value: tried.filter(({ cluster }) => cluster === facts.cluster) } }
				: facts,
		),
		lookups: new Map(lookups),
	};
}

async function known<Value>(read: () => Promise<Value>): Promise<Known<Value>> {
	try {
		return { value: await read() };
	} catch (error) {
		return { problem: explain(error) };
	}
}

type Listed = Known<readonly Observed<FederationObject>[]>;

async function listIn({ client, namespace }: ClusterAccess, { allNamespaces }: DiagnosisScope): Promise<Listed> {
	return await known(
		async () => (await client.list(federations, { namespace: allNamespaces ? undefined : namespace })).items,
	);
}

interface OfCluster {
	readonly access: ClusterAccess;
	readonly found: Listed;
}

/** With a name, the federations of its domain in every cluster, whatever they are called there. */
function chooseFederations(listed: readonly OfCluster[], { name }: DiagnosisScope): readonly OfCluster[] {
	const problems = listed.flatMap(({ access, found }) =>
		"problem" in found ? [listed.length === 1 ? found.problem : `${access.context}: ${found.problem}`] : [],
	);
	if (problems.length === listed.length) throw new Failure(problems.join("\n"));
	if (name === undefined) return listed;
	const all = values(listed.map(({ found }) => found)).flat();
	const domains = new Set(all.filter(({ metadata }) => metadata.name === name).map(domainOf));
	if (domains.size === 0) {
		const names = [...new Set(all.map(({ metadata }) => metadata.name))].join(", ");
		throw new Failure(
			[
				`there is no XmppFederation ${JSON.stringify(name)} where you look`,
				names === "" ? "There is none at all. -n names another namespace, -A looks at all." : `There are: ${names}`,
				...problems,
			].join("\n"),
		);
	}
	return listed.map(({ access, found }) => ({
		access,
		found: "value" in found ? { value: found.value.filter((object) => domains.has(domainOf(object))) } : found,
	}));
}

function domainOf(object: FederationObject): string {
	return viewOf(object).spec.domain.toLowerCase();
}

async function factsOf(
	{ context: cluster, client, pods }: ClusterAccess,
	object: Observed<FederationObject>,
	now: Date,
): Promise<FederationFacts> {
	const view = viewOf(object);
	const stored = storedFederation(object);
	const { namespace, name } = view;
	const modelled = await known(async () => await intentIn(client, object, stored, now));
	const digests = "value" in modelled && stored ? await digestsOf(client, stored, modelled.value, now) : undefined;
	const settings: FederationFacts["settings"] =
		"value" in modelled ? { value: sharedSettings(modelled.value, digests?.digests ?? {}) } : modelled;
	return {
		cluster,
		view,
		domains: localDomains(view),
		settings,
		unread: digests?.unread ?? [],
		certificate: stored ? await certificateIn(client, stored, modelled) : unreadable,
		images: await known(async () => await imagesOf(client, object)),
		endpoints: view.status.endpoints
			.filter(({ for: purpose }) => purpose === "Public")
			.map(({ host, port }) => ({ host, port, fromHere: { problem: "it was not tried" }, fromOthers: [] })),
		peers: await known(async () => {
			const found = await gatewayPods(client, namespace, name);
			return await Promise.all(found.map(async (pod) => await askPeers(pods, pod, undefined)));
		}),
	};
}

const unreadable = {
	problem: "this program cannot read the resource: it is of another version, or not valid. See the condition Accepted",
};

/** By the functions of the operator, so that defaults are no differences. */
async function intentIn(
	client: KubernetesClient,
	object: Observed<FederationObject>,
	stored: StoredFederation | undefined,
	now: Date,
): Promise<FederationIntent> {
	if (!stored) throw new Failure(unreadable.problem);
	const { namespace, name } = stored.metadata;
	const aliases = judgeIn(stored, await aliasesIn(client, namespace)).flatMap((verdict) =>
		verdict.ok ? [verdict.alias] : [],
	);
	const inputs = {
		// Of another operator each, and no settings.
		defaults: { gatewayImage: "", resolverImage: "", clusterDomain: "cluster.local" },
		aliases,
		policy: await policyOf(client, object, namespace, name),
	};
	return intentOf(stored, inputs, { certificate: "", dialback: "", link: "" }, now).intent;
}

/** Of a policy that cannot be used, what the nodes run. */
async function policyOf(
	client: KubernetesClient,
	object: Observed<FederationObject>,
	namespace: string,
	federation: string,
) {
	const policy = await policyInForce(client, namespace, federation);
	if (!policy) return undefined;
	if (policy.compilation.ok) return { name: policy.name, effective: policy.compilation.policy };
	const [node] = await runningNodes(client, object);
	const last = recordedPolicy(node?.applied, node?.appliedLive);
	if (!last.known)
		throw new Failure(`FederationPolicy ${policy.name} cannot be used, and no node says what it enforces`);
	return { name: policy.name, effective: last.policy && { intent: last.policy, lists: [] } };
}

async function digestsOf(
	client: KubernetesClient,
	stored: StoredFederation,
	intent: FederationIntent,
	now: Date,
): Promise<{ readonly digests: SettingDigests; readonly unread: readonly string[] }> {
	const { namespace, name } = stored.metadata;
	const { configMapRef } = stored.spec.security?.trustedCAs ?? {};
	const dialback = await known(async () => {
		if (!usesDialback(intent)) return "";
		const secretName = acceptedDialbackName(name);
		const secret = await client.get(secrets, namespace, secretName);
		const value = secret && signingSecret(secret);
		if (value === undefined) throw new Failure(`Secret ${secretName} is not there: the operator has not made it yet`);
		return secretDigest(digestKey, { dialback: value });
	});
	const authorities = await known(async () => {
		const configMap = configMapRef && (await client.get(configMaps, namespace, configMapRef.name));
		const trustedCAs = configMap && { data: configMap.data ?? {} };
		const part = trustedAuthoritiesOf(stored, { trustedCAs }, now);
		if (!part.ok) throw new Failure(part.problem.message);
		return part.value ? secretDigest(digestKey, { trustedCAs: part.value.bundle }) : "";
	});
	return {
		digests: {
			...("value" in dialback && { dialback: dialback.value }),
			...("value" in authorities && { authorities: authorities.value }),
		},
		unread: [
			...("problem" in dialback ? [`dialback secret: ${dialback.problem}`] : []),
			...("problem" in authorities ? [`trusted authorities: ${authorities.problem}`] : []),
		],
	};
}

async function certificateIn(
	client: KubernetesClient,
	{ metadata: { namespace, name }, spec }: StoredFederation,
	modelled: Known<FederationIntent>,
): Promise<Known<CertificateView>> {
	if ("problem" in modelled) return modelled;
	const { secretName, issuerRef } = spec.security?.certificate ?? {};
	const { domains, aliases } = modelled.value;
	const selfSigned = selfSignedSecretName(name, publicDomains(domains, aliases));
	const wanted = issuerRef ? issuedCertificateName(name) : (secretName ?? selfSigned);
	return await known(async () => {
		const secret = await client.get(secrets, namespace, wanted);
		const pem = Buffer.from(secret?.data?.["tls.crt"] ?? "", "base64").toString("utf8");
		const certificate = parseCertificate(pem);
		if (!certificate) throw new Failure(`Secret ${wanted} has no certificate`);
		return { ...certificateView(certificate), from: "Secret" as const };
	});
}

async function imagesOf(
	client: KubernetesClient,
	{ metadata: { namespace, name, uid } }: Observed<FederationObject>,
): Promise<ReadonlyMap<string, string>> {
	const { items } = await client.list(deployments, {
		namespace,
		labelSelector: `${federationLabel}=${name},${nodeLabel}`,
	});
	const own = items.filter(({ metadata }) => controllerOf({ metadata })?.uid === uid);
	return new Map(
		own.map(({ metadata, spec }) => [
			metadata.labels?.[nodeLabel] ?? "",
			spec?.template.spec?.containers.find((container) => container.name === containerNames.router)?.image ?? "",
		]),
	);
}

/** A gateway pod of the cluster that can connect to others. */
interface ProbingPod {
	readonly access: ClusterAccess;
	readonly pod: GatewayPod;
}

function probingPod(access: ClusterAccess, all: readonly FederationFacts[]): ProbingPod | undefined {
	const pods = all
		.filter(({ cluster }) => cluster === access.context)
		.flatMap(({ peers }) => ("value" in peers ? peers.value.map(({ pod }) => pod) : []));
	const pod = pods.find(({ absence }) => absence === undefined);
	return pod && { access, pod };
}

async function withEndpoints(
	facts: FederationFacts,
	pods: readonly (ProbingPod | undefined)[],
): Promise<FederationFacts> {
	const [domain = ""] = facts.domains;
	const others = pods.flatMap((pod) => (pod && pod.access.context !== facts.cluster ? [pod] : []));
	const endpoints = await Promise.all(
		facts.endpoints.map(
			async ({ host, port }): Promise<EndpointFacts> => ({
				host,
				port,
				fromHere: await probeEndpoint(host, port, domain),
				fromOthers: await Promise.all(others.map(async (pod) => await fromPod(pod, host, port))),
			}),
		),
	);
	return { ...facts, endpoints, certificate: seenAt(endpoints, facts.certificate) };
}

/** What peers are shown counts; the Secret where nothing could be reached. */
function seenAt(endpoints: readonly EndpointFacts[], read: Known<CertificateView>): Known<CertificateView> {
	const [seen] = endpoints.flatMap(({ fromHere }) => ("value" in fromHere ? (fromHere.value.certificate ?? []) : []));
	return seen ? { value: { ...seen, from: "Endpoint" } } : read;
}

async function fromPod({ access, pod }: ProbingPod, host: string, port: number) {
	const result = await known(async (): Promise<true> => {
		const process = { namespace: pod.namespace, pod: pod.name, container: containerNames.federation };
		const command = ["timeout", "5", "bash", "-c", connectCommand, host, String(port)];
		const { code, errors } = await access.pods.exec(process, command, { timeout: podTimeout, onLine: () => {} });
		// bash says where in the command it was, then why.
		if (code !== 0) throw new Failure(errors.trim().split(": ").at(-1) || "no answer within 5 s");
		return true;
	});
	return { cluster: access.context, node: pod.node, result };
}

/** Domains and aliases that have to be found. */
function domainsOf(all: readonly FederationFacts[]): readonly string[] {
	const named = all.flatMap(({ domains, settings }) => [
		...domains,
		...("value" in settings ? Object.keys(settings.value.aliases) : []),
	]);
	return [...new Set(named)];
}
