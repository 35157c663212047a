import type { RestartReason } from "./reasons.ts";

/**
 * What a change of a field restarts. `docs/restarts.md` is made from it; a test compares it with the schemas (a field
 * without a row fails) and with the causes that changes of the fields have (`causes.ts`).
 */
export interface RestartRow {
	/** Path below spec, such as `nodes[].published`. With `.*` at its end: the field and everything below it. */
	readonly field: string;
	/** Empty: nothing restarts. */
	readonly reasons: readonly RestartReason[];
	/** What a reader should know besides; where nothing restarts: what happens instead. */
	readonly note: string;
}

const serviceAtOnce = "The Service is changed at once.";
const internalServices =
	"The Services of routers and resolver are changed at once; the resolver follows new addresses.";
const ifInForce = "Nothing while another policy of the federation is in force.";
const memoryFollows = "The pod's memory limit follows.";
const toPod = "Copied to the pod.";
const inherited = "Peers whose entry leaves it out change with it.";

const issued = "The Certificate is changed at once; nodes restart for what is issued.";
const authorities = "The certificates count, not the name; others under the same name restart as well.";

const onOrOff =
	"Where emailAddresses is set or taken out as a whole. Otherwise nothing, with either strategy: nodes take over who has " +
	"which address while they run.";

const aliasesFollow = "All nodes where an alias of the node has no upstream of its own (AliasChanged).";
const aliasAtOnce = "The Service of the alias is changed at once; its status shows the new records to publish.";
const ifServed = "Nothing while the alias is not accepted.";

/** Rows of each kind, by its name. */
export const restartTable: Readonly<Record<string, readonly RestartRow[]>> = {
	XmppFederation: [
		{ field: "domain", reasons: [], note: "It cannot be changed." },
		{ field: "additionalDomains", reasons: ["DomainsChanged"], note: "" },
		{
			field: "upstream.host",
			reasons: ["UpstreamChanged"],
			note: "Nodes with an upstream of their own do not restart.",
		},
		{
			field: "upstream.port",
			reasons: ["UpstreamChanged"],
			note: "Nodes with an upstream of their own do not restart.",
		},
		{
			field: "nodes[].name",
			reasons: ["EnabledNodeAdded", "EnabledNodeRemoved", "NodeAdded", "NodeRemoved"],
			note: "Adding and removing nodes. Another name is another node.",
		},
		{ field: "nodes[].federation", reasons: ["FederationToggled"], note: "Enabling comes before disabling." },
		{ field: "nodes[].published", reasons: ["PublishedChanged"], note: "" },
		{ field: "nodes[].upstream.host", reasons: ["UpstreamChanged"], note: aliasesFollow },
		{ field: "nodes[].upstream.port", reasons: ["UpstreamChanged"], note: aliasesFollow },
		{ field: "nodes[].resources.*", reasons: ["PlacementChanged"], note: toPod },
		{ field: "nodes[].nodeSelector", reasons: ["PlacementChanged"], note: toPod },
		{ field: "nodes[].tolerations.*", reasons: ["PlacementChanged"], note: toPod },
		{ field: "nodes[].affinity.*", reasons: ["PlacementChanged"], note: toPod },
		{ field: "nodes[].priorityClassName", reasons: ["PlacementChanged"], note: toPod },
		{ field: "security.mode", reasons: ["SecurityChanged", "PeerChanged"], note: inherited },
		{ field: "security.peerCertificates", reasons: ["SecurityChanged", "PeerChanged"], note: inherited },
		{ field: "security.saslExternal.*", reasons: ["SecurityChanged", "PeerChanged"], note: inherited },
		{ field: "security.dialback.mode", reasons: ["SecurityChanged", "PeerChanged"], note: inherited },
		{ field: "peers[].domain", reasons: ["PeerChanged"], note: "" },
		{ field: "peers[].platform", reasons: ["PeerChanged"], note: "Where it sets something that the entry leaves out." },
		{ field: "peers[].security.*", reasons: ["PeerChanged"], note: "" },
		{
			field: "defaultPolicy",
			reasons: ["PolicyChanged"],
			note: "Nothing while a FederationPolicy is in force.",
		},
		{ field: "emailAddresses.mappingRefs.*", reasons: ["EmailAddressesChanged"], note: onOrOff },
		{ field: "emailAddresses.ldap.*", reasons: ["EmailAddressesChanged"], note: onOrOff },
		{ field: "emailAddresses.unmappedUsers", reasons: ["UnmappedUsersChanged"], note: "" },
		{
			field: "security.certificate.secretName",
			reasons: ["CertificateChanged"],
			note: "Its content counts, not its name; a new content restarts as well.",
		},
		{ field: "security.certificate.issuerRef.name", reasons: ["CertificateChanged"], note: issued },
		{ field: "security.certificate.issuerRef.kind", reasons: ["CertificateChanged"], note: issued },
		{ field: "security.certificate.issuerRef.group", reasons: ["CertificateChanged"], note: issued },
		{ field: "security.trustedCAs.configMapRef.name", reasons: ["TrustedCAsChanged"], note: authorities },
		{ field: "security.trustedCAs.configMapRef.key", reasons: ["TrustedCAsChanged"], note: authorities },
		{ field: "security.trustedCAs.systemRoots", reasons: ["TrustedCAsChanged"], note: "" },
		{
			field: "security.dialback.secretRef.name",
			reasons: ["DialbackSecretChanged"],
			note: "Its content counts, not its name. Every node accepts the new one before one uses it: docs/certificates.md.",
		},
		{
			field: "nodes[].publicAddress.*",
			reasons: [],
			note: "The node's Service is changed, made or removed at once; status.dnsRecords shows the new records to publish.",
		},
		{
			field: "dns.*",
			reasons: [],
			note: "status.dnsRecords shows the new records to publish, and so does the DNSEndpoint, where there is one.",
		},
		{ field: "service.type", reasons: [], note: serviceAtOnce },
		{ field: "service.hostname", reasons: [], note: "status.dnsRecords shows the new records to publish." },
		{ field: "service.annotations", reasons: [], note: serviceAtOnce },
		{ field: "service.labels", reasons: [], note: serviceAtOnce },
		{ field: "service.loadBalancerClass", reasons: [], note: serviceAtOnce },
		{ field: "service.externalTrafficPolicy", reasons: [], note: serviceAtOnce },
		{ field: "service.ipFamilyPolicy", reasons: [], note: serviceAtOnce },
		{ field: "service.sourceRanges", reasons: [], note: serviceAtOnce },
		{ field: "internalService.type", reasons: [], note: internalServices },
		{ field: "internalService.annotations", reasons: [], note: internalServices },
		{ field: "internalService.sourceRanges", reasons: [], note: internalServices },
		{ field: "networkPolicy.*", reasons: [], note: "The NetworkPolicies are changed, made or removed at once." },
		{ field: "resolver.enabled", reasons: [], note: "The resolver is made or removed." },
		{
			field: "rollout.strategy",
			reasons: ["RolloutChanged"],
			note: "Once: a node finds what it takes over while it runs in other objects.",
		},
		{ field: "rollout.drainSeconds", reasons: ["RolloutChanged"], note: "The old pod drains by the old value." },
		{ field: "limits.stanzaBytes", reasons: ["LimitsChanged"], note: "" },
		{ field: "limits.stanzasPerSecond", reasons: ["LimitsChanged"], note: "" },
		{ field: "limits.streamsPerMinute", reasons: ["LimitsChanged"], note: "" },
		{ field: "limits.incomingStreams", reasons: ["PlacementChanged"], note: memoryFollows },
		{ field: "limits.outgoingStreams", reasons: ["PlacementChanged"], note: memoryFollows },
		{ field: "limits.unauthenticatedStreams", reasons: ["LimitsChanged"], note: "" },
		{ field: "limits.unauthenticatedStreamsPerAddress", reasons: ["LimitsChanged"], note: "" },
		{ field: "limits.handshakeSeconds", reasons: ["LimitsChanged"], note: "" },
		{ field: "limits.idleSeconds", reasons: ["LimitsChanged"], note: "" },
		{
			field: "rollout.imageUpdates",
			reasons: ["ImageChanged"],
			note: "With Automatic, those nodes that do not have the operator's image yet.",
		},
		{
			field: "image",
			reasons: ["ImageChanged"],
			note: "Where it is absent, a node that restarts for another reason takes the operator's image along.",
		},
	],
	FederationPolicy: [
		{ field: "federationRef.name", reasons: [], note: "It cannot be changed." },
		{ field: "default", reasons: ["PolicyChanged"], note: ifInForce },
		{ field: "enforcement", reasons: ["PolicyChanged"], note: ifInForce },
		{ field: "exceptions.*", reasons: ["PolicyChanged"], note: ifInForce },
		{
			field: "exceptionsFrom.*",
			reasons: ["PolicyChanged"],
			note: `The content of the ConfigMaps counts, not their names; a new content restarts as well. ${ifInForce}`,
		},
	],
	ChatNodeAlias: [
		{ field: "federationRef.name", reasons: [], note: "It cannot be changed." },
		{
			field: "alias",
			reasons: ["AliasChanged", "CertificateChanged"],
			note: `Every node serves every alias. The certificate follows where the operator makes it or has it issued. ${ifServed}`,
		},
		{
			field: "node",
			reasons: ["AliasChanged"],
			note: `The node that it was and the one that it is; all where their upstreams differ. ${ifServed}`,
		},
		{ field: "upstream.host", reasons: ["AliasChanged"], note: ifServed },
		{ field: "upstream.port", reasons: ["AliasChanged"], note: ifServed },
		{ field: "exposure", reasons: [], note: "The Service of the alias is made or removed at once." },
		{ field: "hostname", reasons: [], note: aliasAtOnce },
		{ field: "ip", reasons: [], note: aliasAtOnce },
		{ field: "publicPort", reasons: [], note: aliasAtOnce },
		{ field: "service.*", reasons: [], note: aliasAtOnce },
	],
};

/** Whether a row is about a field, or about one that it is below. */
export function covers(row: RestartRow, field: string): boolean {
	if (!row.field.endsWith(".*")) return row.field === field;
	const base = row.field.slice(0, -2);
	return field === base || field.startsWith(`${base}.`) || field.startsWith(`${base}[]`);
}
