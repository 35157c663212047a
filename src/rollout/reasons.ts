/** Restart rules of the requirements. */
export type Rule = "R15" | "R16" | "R17";
/**
 * AllNodes: every node of the federation. Node: the nodes that the change is about, which may be all of them. None: no
 * node restarts, they take it over while they run.
 */
export type Scope = "AllNodes" | "Node" | "None";

interface ReasonFacts {
	readonly rule: Rule;
	/** AsAsked: what was asked for decides. */
	readonly scope: Exclude<Scope, "None"> | "AsAsked";
	/** Whether the nodes take it over while they run where `spec.rollout.strategy` is Live. */
	readonly live: boolean;
	readonly meaning: string;
}

/**
 * Why a node restarts: a closed list. R16: the set of Enabled nodes changed. R17: settings of the node changed. R15: what
 * is no setting of the resource, but restarts router and federation connection manager together like one.
 */
export const restartReasons = {
	FederationToggled: {
		rule: "R16",
		scope: "AllNodes",
		live: false,
		meaning: "Federation was enabled or disabled at a node.",
	},
	EnabledNodeAdded: {
		rule: "R16",
		scope: "AllNodes",
		live: false,
		meaning: "A node was added with federation Enabled.",
	},
	EnabledNodeRemoved: {
		rule: "R16",
		scope: "AllNodes",
		live: false,
		meaning: "A node with federation Enabled was removed.",
	},
	NodeAdded: {
		rule: "R17",
		scope: "Node",
		live: false,
		meaning: "A node was added with federation Disabled: it starts, and no other restarts.",
	},
	NodeRemoved: {
		rule: "R17",
		scope: "Node",
		live: false,
		meaning: "A node with federation Disabled was removed: it stops, and no other restarts.",
	},
	PublishedChanged: {
		rule: "R17",
		scope: "Node",
		live: false,
		meaning: "Whether peers are sent to the node changed.",
	},
	UpstreamChanged: {
		rule: "R17",
		scope: "Node",
		live: false,
		meaning: "The address of the internal server, as the node reaches it, changed.",
	},
	PlacementChanged: {
		rule: "R17",
		scope: "Node",
		live: false,
		meaning: "What the node's pod gets, or where it may run, changed.",
	},
	DomainsChanged: {
		rule: "R17",
		scope: "Node",
		live: false,
		meaning: "The local domains changed.",
	},
	AliasChanged: {
		rule: "R17",
		scope: "Node",
		live: true,
		meaning: "The public domains of chat nodes changed, or where one of them is served.",
	},
	SecurityChanged: {
		rule: "R17",
		scope: "Node",
		live: true,
		meaning: "What is demanded of peers in general changed: TLS, certificates, SASL EXTERNAL, dialback.",
	},
	PeerChanged: {
		rule: "R17",
		scope: "Node",
		live: true,
		meaning: "What is demanded of single peers changed.",
	},
	CertificateChanged: {
		rule: "R17",
		scope: "Node",
		live: true,
		meaning: "The certificate that peers see is another one: another Secret is named, or its content changed.",
	},
	TrustedCAsChanged: {
		rule: "R17",
		scope: "Node",
		live: true,
		meaning: "The authorities that certificates of peers are verified with are others.",
	},
	DialbackSecretChanged: {
		rule: "R17",
		scope: "Node",
		live: false,
		meaning: "The dialback secret is another one: another Secret is named, or its content changed.",
	},
	LinkSecretChanged: {
		rule: "R17",
		scope: "Node",
		live: false,
		meaning: "What routers and federation connection managers know each other by changed: the operator made it anew.",
	},
	PolicyChanged: {
		rule: "R17",
		scope: "Node",
		live: true,
		meaning: "Whom the federation exchanges messages with changed: another policy, or none, is in force.",
	},
	EmailAddressesChanged: {
		rule: "R17",
		scope: "Node",
		live: false,
		meaning: "Users are known outside by their email addresses from now on, or no longer.",
	},
	UnmappedUsersChanged: {
		rule: "R17",
		scope: "Node",
		live: true,
		meaning: "What holds for users without an email address changed.",
	},
	ImageChanged: {
		rule: "R17",
		scope: "Node",
		live: false,
		meaning: "The gateway image changed: another one is named, or the operator has another one than the node.",
	},
	RolloutChanged: {
		rule: "R17",
		scope: "Node",
		live: false,
		meaning:
			"The time that a node has to drain changed, and with it its pod's grace period, or whether it takes over settings " +
			"while it runs.",
	},
	LimitsChanged: {
		rule: "R17",
		scope: "Node",
		live: true,
		meaning: "What peers can make a node hold and do is bounded otherwise.",
	},
	Requested: {
		rule: "R15",
		scope: "AsAsked",
		live: false,
		meaning: "A restart was asked for by the annotation xmppfed.dev/restart.",
	},
	Drifted: {
		rule: "R15",
		scope: "Node",
		live: false,
		meaning: "Somebody changed the node's Deployment by hand: it is put back.",
	},
	OperatorChanged: {
		rule: "R15",
		scope: "Node",
		live: false,
		meaning:
			"The operator's own settings (its --cluster-domain) changed, or what the node runs was recorded by an operator " +
			"that kept it in another form, or that record is gone.",
	},
} as const satisfies Record<string, ReasonFacts>;

export type RestartReason = keyof typeof restartReasons;
