import { defaults as fieldDefaults } from "../api/defaults.ts";
import type { XmppFederation, XmppFederationNode } from "../api/xmpp-federation.ts";
import type { AcceptedAlias } from "./aliases.ts";
import { canonicalJson } from "./canonical-json.ts";
import type { CertificateFacts, UnusableCertificate } from "./certificate.ts";
import { dialbackOrder } from "./dialback-order.ts";
import { localDomains, publicDomains } from "./domains.ts";
import { directoryWarnings } from "./email-addresses/directory.ts";
import { certificateOf, dialbackOf, trustedAuthoritiesOf, trustsPublicAuthorities } from "./federation-credentials.ts";
import type { FederationInputs, NodeSecrets } from "./federation-inputs.ts";
import type {
	DnsIntent,
	FederationAlias,
	FederationIntent,
	HostPort,
	InternalServiceIntent,
	NetworkPolicyIntent,
	NodeAddressIntent,
	NodeIntent,
	PlacementIntent,
	ResolverIntent,
	SecretDigests,
	ServiceIntent,
} from "./intent.ts";
import { limitsOf } from "./limits.ts";
import { internalServiceName, linksServiceName, linkTlsName, serviceHost } from "./names.ts";
import { defaultSecurity, peerSecurities, securityProblems, securityWarnings } from "./peer-security.ts";
import { withoutPolicy } from "./policy/in-force.ts";
import { linkPort, xmppServerPort } from "./ports.ts";
import type { Problem } from "./problem.ts";
import { nodeRevision } from "./revision.ts";
import { type RolloutOrders, requestedAt, rolloutOrders } from "./rollout-orders.ts";
import { secretDigest } from "./secret-digest.ts";
import type { StoredFederation } from "./stored-federation.ts";

export type FederationModel =
	| {
			readonly ok: true;
			readonly intent: FederationIntent;
			readonly secrets: NodeSecrets;
			readonly certificate: CertificateFacts;
			/** What keeps nothing from being carried out but what it is about: annotations, authorities that have expired. */
			readonly remarks: readonly Problem[];
			/** What is carried out as it stands, but hardly as it was meant. */
			readonly warnings: readonly Problem[];
	  }
	| {
			readonly ok: false;
			readonly problems: readonly Problem[];
			/** Where it is the certificate that cannot be used. */
			readonly certificate?: UnusableCertificate;
	  };

/** Resources to intent: applies every default, resolves every reference, or says what is in the way. */
export function modelFederation(federation: StoredFederation, inputs: FederationInputs, now: Date): FederationModel {
	const domains = publicDomains(localDomains(federation), inputs.aliases);
	const authorities = trustedAuthoritiesOf(federation, inputs, now);
	const known = authorities.ok ? authorities.value?.certificates : undefined;
	const certificate = certificateOf(federation, inputs, domains, known ?? [], now);
	const dialback = dialbackOf(federation, inputs);
	const problems = [
		...[certificate, authorities, dialback].flatMap((part) => (part.ok ? [] : [part.problem])),
		...securityProblems(federation.spec),
	];
	if (!certificate.ok || !authorities.ok || !dialback.ok || problems.length > 0) {
		const unusable = certificate.ok ? undefined : certificate.unusable;
		return { ok: false, problems, ...(unusable && { certificate: unusable }) };
	}

	const secrets: NodeSecrets = {
		certificate: certificate.value.pair,
		dialback: inputs.dialbackInForce ?? dialback.value,
		link: inputs.generated.link,
		digestKey: inputs.generated.digestKey,
		...(authorities.value && { trustedCAs: authorities.value.bundle }),
	};
	const secretDigests = digests(secrets, inputs.generated.digestKey);
	const { intent, remarks } = intentOf(federation, inputs, secretDigests, now);
	return {
		ok: true,
		intent,
		remarks: [...remarks, ...(authorities.value?.remarks ?? [])],
		secrets,
		certificate: certificate.value.facts,
		warnings: [...securityWarnings(federation.spec), ...directoryWarnings(federation.spec)],
	};
}

/** What the intent is made from beside the resource and the digests of its secrets. */
export type IntentInputs = Omit<
	FederationInputs,
	"generated" | "certificate" | "issuance" | "trustedCAs" | "dialback" | "dialbackInForce"
>;

/** The intent where of secrets nothing but digests is known, as to those who may not read them. */
export function intentOf(
	federation: StoredFederation,
	inputs: IntentInputs,
	secretDigests: SecretDigests,
	now: Date,
): { readonly intent: FederationIntent; readonly remarks: readonly Problem[] } {
	const { orders, problems } = rolloutOrders(federation, now);
	const remarks = [...problems, ...dialbackOrder(federation, now).problems];
	return { intent: federationIntent(federation, inputs, localDomains(federation), secretDigests, orders), remarks };
}

/**
 * A node with its image: the one that the resource asks for, else the operator's. With imageUpdates Manual a node keeps
 * the one that an earlier operator chose for it for as long as nothing else of it changes; then it takes the operator's,
 * along with the configuration that is made for that. Another node's change is none of its own (R17).
 */
function withImage(
	node: Omit<NodeIntent, "image">,
	{ spec: { image, rollout } }: Pick<XmppFederation, "spec">,
	{ defaults: { gatewayImage }, keptImages }: Pick<IntentInputs, "defaults" | "keptImages">,
): NodeIntent {
	if (image !== undefined) return { ...node, image };
	const kept = keptImages?.get(node.name);
	if (kept && (rollout?.imageUpdates ?? fieldDefaults.imageUpdates) === "Manual") {
		const unchanged = { ...node, image: kept.image };
		if (nodeRevision(unchanged) === kept.revision) return unchanged;
	}
	return { ...node, image: gatewayImage };
}

/**
 * A node with what it takes over while it runs. With the strategy Live its aliases are among that, but for a node that was
 * started before they could be: it takes to it when it restarts for another reason.
 */
function withLiveAliases(
	node: Omit<NodeIntent, "image">,
	spec: Pick<XmppFederation, "spec">,
	inputs: Pick<IntentInputs, "defaults" | "keptImages" | "runningRevisions">,
): NodeIntent {
	const asStarted = withImage(node, spec, inputs);
	if (node.strategy !== "Live" || inputs.runningRevisions?.get(node.name) === nodeRevision(asStarted)) return asStarted;
	return withImage({ ...node, liveAliases: true }, spec, inputs);
}

export function isPublished(node: XmppFederationNode): boolean {
	return node.federation === "Enabled" && (node.published ?? true);
}

function enabledNodes(nodes: readonly XmppFederationNode[]): readonly string[] {
	return nodes
		.filter((node) => (node.federation ?? fieldDefaults.federation) === "Enabled")
		.map(({ name }) => name)
		.toSorted();
}

function federationIntent(
	federation: StoredFederation,
	inputs: IntentInputs,
	domains: readonly string[],
	secretDigests: SecretDigests,
	orders: RolloutOrders,
): FederationIntent {
	const { metadata, spec } = federation;
	const policy = inputs.policy
		? inputs.policy.effective
		: withoutPolicy(spec.defaultPolicy ?? fieldDefaults.defaultPolicy);
	const { drainSeconds = fieldDefaults.drainSeconds, strategy = fieldDefaults.strategy } = spec.rollout ?? {};
	const { clusterDomain } = inputs.defaults;
	const common = {
		namespace: metadata.namespace,
		federationName: metadata.name,
		enabledNodes: enabledNodes(spec.nodes),
		domains,
		links: {
			host: serviceHost(linksServiceName(metadata.name), metadata.namespace, clusterDomain),
			port: linkPort,
			tlsName: linkTlsName(metadata.name, metadata.namespace),
		},
		secrets: secretDigests,
		...(policy && { policy: policy.intent }),
		...(drainSeconds !== fieldDefaults.drainSeconds && { drainSeconds }),
		...security(spec),
		...(!trustsPublicAuthorities(spec) && { systemRoots: false as const }),
		...limitsOf(spec.limits ?? {}),
		...(spec.emailAddresses && {
			emailAddresses: true as const,
			unmappedUsers: spec.emailAddresses.unmappedUsers ?? fieldDefaults.unmappedUsers,
		}),
		...(strategy === "Live" && { strategy }),
	};
	const upstream = hostPort(spec.upstream, clusterDomain);
	const aliases = (inputs.aliases ?? []).map((alias) => federationAlias(alias, spec, clusterDomain));
	const restart = (node: string) => {
		const at = requestedAt(node, orders, inputs.carriedOutRestarts?.get(node));
		return at === undefined ? {} : { requestedAt: at };
	};
	const nodes = spec.nodes.map((node) =>
		withLiveAliases(
			{
				...common,
				...restart(node.name),
				name: node.name,
				federation: node.federation ?? fieldDefaults.federation,
				published: isPublished(node),
				upstream: node.upstream ? hostPort(node.upstream, clusterDomain) : upstream,
				placement: placement(node),
				...aliasesAt(node.name, aliases),
			},
			federation,
			inputs,
		),
	);
	return {
		namespace: metadata.namespace,
		name: metadata.name,
		uid: metadata.uid,
		domains,
		nodes,
		imageFrom: spec.image === undefined ? "Operator" : "Spec",
		operatorImage: inputs.defaults.gatewayImage,
		ownUpstreams: spec.nodes.filter((node) => node.upstream).map(({ name }) => name),
		orders,
		policyLists: policy?.lists ?? [],
		...(inputs.policy && { policyName: inputs.policy.name }),
		service: service(spec.service ?? {}),
		nodeAddresses: spec.nodes.flatMap(nodeAddress),
		...(aliases.length > 0 && { aliases }),
		dns: dns(spec.dns ?? {}),
		internalService: internalService(spec.internalService ?? {}),
		...((spec.networkPolicy?.enabled ?? fieldDefaults.networkPolicyEnabled)
			? { networkPolicy: networkPolicy(spec.networkPolicy ?? {}, inputs) }
			: {}),
		...((spec.resolver?.enabled ?? fieldDefaults.resolverEnabled)
			? { resolver: resolver(common, upstream, aliases, spec, inputs) }
			: {}),
	};
}

function security(spec: XmppFederation["spec"]): Pick<NodeIntent, "security" | "peers"> {
	const chosen = defaultSecurity(spec);
	const peers = peerSecurities(spec);
	return {
		...(canonicalJson(chosen) !== canonicalJson(defaultSecurity({})) && { security: chosen }),
		...(Object.keys(peers).length > 0 && { peers }),
	};
}

/** Of a DNS name, in characters. */
const longestName = 253;

/**
 * Names in `.svc` are completed, because Prosody's DNS client does not use the pod's search list. What would be longer than
 * a DNS name then is no Service's name.
 */
function hostPort({ host, port }: { host: string; port?: number | undefined }, clusterDomain: string): HostPort {
	const lower = host.toLowerCase();
	const completed = `${lower}.${clusterDomain}`;
	return {
		host: lower.endsWith(".svc") && completed.length <= longestName ? completed : lower,
		port: port ?? fieldDefaults.upstreamPort,
	};
}

function placement(node: XmppFederationNode): PlacementIntent {
	return {
		...(node.resources && { resources: node.resources }),
		...(node.nodeSelector && { nodeSelector: node.nodeSelector }),
		...(node.tolerations && { tolerations: node.tolerations }),
		...(node.affinity && { affinity: node.affinity }),
		...(node.priorityClassName && { priorityClassName: node.priorityClassName }),
	};
}

function federationAlias(
	{ name, domain, spec: { node, upstream, exposure = fieldDefaults.exposure, ...direct } }: AcceptedAlias,
	spec: XmppFederation["spec"],
	clusterDomain: string,
): FederationAlias {
	const own = upstream ?? spec.nodes.find((candidate) => candidate.name === node)?.upstream;
	const { hostname, ip, publicPort = fieldDefaults.publicPort } = direct;
	return {
		name,
		domain,
		node,
		upstream: hostPort(own ?? spec.upstream, clusterDomain),
		...(exposure === "Direct" &&
			hostname !== undefined && {
				direct: {
					hostname: hostname.toLowerCase(),
					...(ip && { ip: ip.toLowerCase() }),
					port: publicPort,
					service: service(direct.service ?? spec.service ?? {}),
				},
			}),
	};
}

/** Every node serves every alias: any may be asked by its internal server, or by peers, to carry what is from or to it. */
function aliasesAt(node: string, aliases: readonly FederationAlias[]): Pick<NodeIntent, "aliases"> {
	if (aliases.length === 0) return {};
	return {
		aliases: Object.fromEntries(
			aliases.map(({ domain, upstream, node: home }) => [domain, { upstream, here: home === node }]),
		),
	};
}

function service(spec: NonNullable<XmppFederation["spec"]["service"]>): ServiceIntent {
	const type = spec.type ?? fieldDefaults.serviceType;
	// Local keeps the peer's address, which dialback logs and the firewall see; a ClusterIP Service has no such setting.
	const externalTrafficPolicy =
		type === "ClusterIP" ? undefined : (spec.externalTrafficPolicy ?? fieldDefaults.externalTrafficPolicy);
	return {
		type,
		annotations: spec.annotations ?? {},
		labels: spec.labels ?? {},
		sourceRanges: spec.sourceRanges ?? [],
		...(spec.hostname && { hostname: spec.hostname.toLowerCase() }),
		...(spec.loadBalancerClass && { loadBalancerClass: spec.loadBalancerClass }),
		...(externalTrafficPolicy && { externalTrafficPolicy }),
		...(spec.ipFamilyPolicy && { ipFamilyPolicy: spec.ipFamilyPolicy }),
	};
}

function nodeAddress(node: XmppFederationNode): NodeAddressIntent[] {
	const { publicAddress } = node;
	if (!publicAddress || !isPublished(node)) return [];
	const { hostname, ip, port = fieldDefaults.publicPort, annotations = {} } = publicAddress;
	return [
		{ node: node.name, hostname: hostname.toLowerCase(), ...(ip && { ip: ip.toLowerCase() }), port, annotations },
	];
}

function dns({ ttl, priority, weight, externalDNS }: NonNullable<XmppFederation["spec"]["dns"]>): DnsIntent {
	const { enabled = fieldDefaults.externalDNSEnabled, annotations = {}, labels = {} } = externalDNS ?? {};
	return {
		ttl: ttl ?? fieldDefaults.dnsTtl,
		priority: priority ?? fieldDefaults.dnsPriority,
		weight: weight ?? fieldDefaults.dnsWeight,
		...(enabled && { externalDNS: { annotations, labels } }),
	};
}

function internalService(spec: NonNullable<XmppFederation["spec"]["internalService"]>): InternalServiceIntent {
	return {
		type: spec.type ?? fieldDefaults.internalServiceType,
		annotations: spec.annotations ?? {},
		sourceRanges: spec.sourceRanges ?? [],
	};
}

function networkPolicy(
	{ internal, monitoring = [] }: NonNullable<XmppFederation["spec"]["networkPolicy"]>,
	{ defaults: { operatorPods } }: IntentInputs,
): NetworkPolicyIntent {
	const operator = operatorPods && {
		namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": operatorPods.namespace } },
		podSelector: { matchLabels: operatorPods.labels },
	};
	return { ...(internal && { internal }), monitoring: [...(operator ? [operator] : []), ...monitoring] };
}

function resolver(
	common: Pick<NodeIntent, "federationName" | "namespace" | "domains">,
	upstream: HostPort,
	aliases: readonly FederationAlias[],
	spec: XmppFederation["spec"],
	{ defaults, internalAddresses = [] }: IntentInputs,
): ResolverIntent {
	const inCluster = serviceHost(internalServiceName(common.federationName), common.namespace, defaults.clusterDomain);
	const { type } = internalService(spec.internalService ?? {});
	// A server outside the cluster does not reach what the name in the cluster leads to. The name stands until the load
	// balancer has given an address; then the resolver gets a new configuration. In one order, whatever came first.
	const [given] = type === "LoadBalancer" ? internalAddresses.toSorted() : [];
	return {
		image: defaults.resolverImage,
		router: { host: given?.toLowerCase() ?? inCluster, port: xmppServerPort },
		local: [
			...common.domains.map((domain) => ({ domain, upstream })),
			...aliases.map((alias) => ({ domain: alias.domain, upstream: alias.upstream })),
		],
	};
}

function digests(secrets: NodeSecrets, key: string): SecretDigests {
	return {
		certificate: secretDigest(key, secrets.certificate),
		dialback: secretDigest(key, { secret: secrets.dialback }),
		link: secretDigest(key, { secret: secrets.link }),
		...(secrets.trustedCAs !== undefined && { trustedCAs: secretDigest(key, { bundle: secrets.trustedCAs }) }),
	};
}
