/** Series by their name with labels, each with its values in promtool's notation: `0+5x30`. */
export type Series = Readonly<Record<string, string>>;

export interface AlertCase {
	/** Minutes from one value to the next; 1 where absent. */
	readonly step?: number;
	/** How many steps after the first value it is looked. */
	readonly at: number;
	readonly fires: Series;
	/** Labels of what fires, beside the severity. */
	readonly labels: Readonly<Record<string, string>>;
	/** Each alone: nothing fires, at any step up to `at`. */
	readonly quiet: Readonly<Record<string, Series>>;
}

const federation = 'namespace="chat",federation="example"';
const node = `${federation},node="gw-1"`;
const process = `${node},pod="gw-1-a",container="federation"`;
const labels = {
	operator: { namespace: "xmppfed-system" },
	federation: { namespace: "chat", federation: "example" },
	node: { namespace: "chat", federation: "example", node: "gw-1" },
	container: { namespace: "chat", federation: "example", node: "gw-1", container: "federation" },
	process: { namespace: "chat", federation: "example", node: "gw-1", pod: "gw-1-a", container: "federation" },
	peer: { namespace: "chat", federation: "example", peer: "peer.example" },
} as const;

const leader = (pod: string) => `xmppfed_leader{namespace="xmppfed-system",pod="${pod}"}`;
const reconciles = (result: string) => `xmppfed_reconciles_total{namespace="xmppfed-system",result="${result}"}`;
const condition = (type: string, status: string, reason: string) =>
	`xmppfed_federation_condition{${federation},condition="${type}",status="${status}",reason="${reason}"}`;
const blocked = (reason: string) => `xmppfed_rollout_blocked{${federation},reason="${reason}"}`;
const attached = (kind: string, status: string, reason: string) =>
	`xmppfed_attached_resources{${federation},kind="${kind}",condition="Programmed",status="${status}",reason="${reason}"}`;
const daysLeft = `xmppfed_certificate_days_left{${federation}}`;
const streams = (state: string) => `xmppfed_streams{${process},direction="incoming",state="${state}"}`;
const streamsLimit = `xmppfed_streams_limit{${process},direction="incoming"}`;
const backlog = (waitsFor: string) => `xmppfed_backlog_bytes{${process},for="${waitsFor}"}`;
const backlogLimit = `xmppfed_backlog_limit_bytes{${process}}`;
const ended = (reason: string) =>
	`xmppfed_gateway_container_ended_timestamp_seconds{${node},container="federation",reason="${reason}"}`;
const failures = (peer: string, direction = "outgoing") =>
	`xmppfed_peer_failures_total{${process},peer="${peer}",direction="${direction}",cause="ConnectionTimeout"}`;
const peerStreams = `xmppfed_peer_streams{${process},peer="peer.example",direction="outgoing",authentication="dialback"}`;
const peerCertificate = `xmppfed_peer_certificate_not_after_timestamp_seconds{${process},peer="peer.example"}`;
const refused = (direction: string) =>
	`xmppfed_stanzas_refused_total{${process},direction="${direction}",condition="remote-server-timeout"}`;
const handedOn = `xmppfed_stanzas_total{${process},direction="out",kind="message"}`;
const decisions = (decision: string) =>
	`xmppfed_policy_decisions_total{${process},direction="in",decision="${decision}"}`;
/** Samples of a day, one in ten minutes. */
const day = 144;

/** For each alert what makes it fire, and what is near it and must not. Time begins at the epoch. */
export const alertCases: Readonly<Record<string, AlertCase>> = {
	XmppfedOperatorDown: {
		at: 10,
		fires: { 'up{namespace="other"}': "1x10" },
		labels: {},
		quiet: { "one that stands by": { [leader("a")]: "0x10" } },
	},
	XmppfedOperatorNotLeading: {
		at: 10,
		fires: { [leader("a")]: "0x10", [leader("b")]: "0x10" },
		labels: labels.operator,
		quiet: {
			"the other leads": { [leader("a")]: "0x10", [leader("b")]: "1x10" },
			"the lease is handed on": { [leader("a")]: "1x4 0x3 1x3" },
		},
	},
	XmppfedReconcileErrors: {
		at: 40,
		fires: { [reconciles("error")]: "0+1x40", [reconciles("success")]: "0+1x40" },
		labels: labels.operator,
		quiet: {
			"none fails": { [reconciles("error")]: "0x40", [reconciles("success")]: "0+9x40" },
			"a few fail once": { [reconciles("error")]: "0x10 8x30" },
		},
	},
	XmppfedReconcileQueueStuck: {
		at: 40,
		fires: { 'xmppfed_queue_waiting{namespace="xmppfed-system"}': "0x5 3x35" },
		labels: labels.operator,
		quiet: { "it empties now and then": { 'xmppfed_queue_waiting{namespace="xmppfed-system"}': "9x10 0 9x10 0 9x20" } },
	},
	XmppfedFederationNotReady: {
		at: 15,
		fires: {
			[condition("Ready", "False", "NodesNotReady")]: "1x15",
			[condition("Progressing", "False", "Blocked")]: "1x15",
		},
		labels: labels.federation,
		quiet: {
			"it is Ready": { [condition("Ready", "True", "AllNodesReady")]: "1x15" },
			"a roll-out": {
				[condition("Ready", "False", "NodesNotReady")]: "1x15",
				[condition("Progressing", "True", "RollingOut")]: "1x15",
			},
			"a short while": {
				[condition("Ready", "False", "UpstreamUnreachable")]: "1x7 stale",
				[condition("Ready", "True", "AllNodesReady")]: "_x8 1x7",
			},
		},
	},
	XmppfedFederationDegraded: {
		at: 20,
		fires: { [condition("Degraded", "True", "QuotaExceeded")]: "1x20" },
		labels: { ...labels.federation, reason: "QuotaExceeded" },
		quiet: { "nothing is wrong": { [condition("Degraded", "False", "AsExpected")]: "1x20" } },
	},
	XmppfedRolloutBlocked: {
		at: 40,
		fires: { [blocked("PreviousNodeNotReady")]: "1x20 _x20", [blocked("LinksDown")]: "_x20 1x20" },
		labels: labels.federation,
		quiet: {
			"it is paused": { [blocked("Paused")]: "1x40" },
			"it goes on": { [blocked("OldPodDraining")]: "1x20 _x20" },
		},
	},
	XmppfedCertificateExpiresSoon: {
		at: 90,
		fires: { [daysLeft]: "20x90" },
		labels: labels.federation,
		quiet: { "22 days": { [daysLeft]: "22x90" }, "6 days, which is the next alert": { [daysLeft]: "6x90" } },
	},
	XmppfedCertificateExpiresVerySoon: {
		at: 30,
		fires: { [daysLeft]: "6.5x30" },
		labels: labels.federation,
		quiet: { "8 days": { [daysLeft]: "8x30" }, "it has expired, which is the next alert": { [daysLeft]: "-1x30" } },
	},
	XmppfedCertificateExpired: {
		at: 5,
		fires: { [daysLeft]: "-0.1x5" },
		labels: labels.federation,
		quiet: { "an hour is left": { [daysLeft]: "0.04x5" } },
	},
	XmppfedDNSDrift: {
		at: 90,
		fires: { [condition("DNSPublished", "False", "Missing")]: "1x90" },
		labels: labels.federation,
		quiet: {
			"the records are there": { [condition("DNSPublished", "True", "AsExpected")]: "1x90" },
			"there is nothing to publish": { [condition("DNSPublished", "Unknown", "NothingToPublish")]: "1x90" },
		},
	},
	XmppfedEmailAddressesNotInForce: {
		at: 20,
		fires: {
			[condition("EmailAddressesInForce", "False", "EmailAddressesInvalid")]: "1x10 stale",
			[condition("EmailAddressesInForce", "False", "NodesPending")]: "_x10 1x10",
		},
		labels: labels.federation,
		quiet: {
			"every node has them": { [condition("EmailAddressesInForce", "True", "InForce")]: "1x20" },
			"a router cannot be asked": { [condition("EmailAddressesInForce", "Unknown", "NotReported")]: "1x20" },
			"a roll-out": {
				[condition("EmailAddressesInForce", "False", "NodesPending")]: "1x20",
				[condition("Progressing", "True", "RollingOut")]: "1x20",
			},
		},
	},
	XmppfedPolicyNotInForce: {
		at: 20,
		fires: {
			[attached("FederationPolicy", "False", "NotAccepted")]: "1x20",
			[attached("FederationPolicy", "True", "Programmed")]: "1x20",
			[condition("Progressing", "False", "Complete")]: "1x20",
		},
		labels: labels.federation,
		quiet: {
			"it is in force": { [attached("FederationPolicy", "True", "Programmed")]: "1x20" },
			"it is paused": { [attached("FederationPolicy", "False", "Paused")]: "1x20" },
			"nodes cannot be asked": { [attached("FederationPolicy", "Unknown", "NotReported")]: "1x20" },
			"a roll-out": {
				[attached("FederationPolicy", "False", "NodesPending")]: "1x20",
				[condition("Progressing", "True", "RollingOut")]: "1x20",
			},
			"an alias is not": { [attached("ChatNodeAlias", "False", "NotAccepted")]: "1x20" },
		},
	},
	XmppfedAliasNotInForce: {
		at: 20,
		fires: {
			[attached("ChatNodeAlias", "False", "UpstreamUnreachable")]: "1x10 stale",
			[attached("ChatNodeAlias", "False", "NodeNotReady")]: "_x10 1x10",
		},
		labels: labels.federation,
		quiet: {
			"all are": { [attached("ChatNodeAlias", "True", "Programmed")]: "3x20" },
			"it is paused": { [attached("ChatNodeAlias", "False", "Paused")]: "2x20" },
			"a node restarts": {
				[attached("ChatNodeAlias", "False", "NodeNotReady")]: "1x20",
				[condition("Progressing", "True", "RollingOut")]: "1x20",
			},
			"a policy is not": { [attached("FederationPolicy", "False", "NotAccepted")]: "1x20" },
		},
	},
	XmppfedGatewayOutOfMemory: {
		at: 70,
		// At minute 60
		fires: { [ended("OOMKilled")]: "_x60 3600x10" },
		labels: labels.container,
		quiet: {
			"long ago": { [ended("OOMKilled")]: "_x50 60x20" },
			"it ended otherwise": { [ended("Error")]: "_x60 3600x10" },
		},
	},
	XmppfedGatewayMetricsMissing: {
		at: 20,
		fires: { [`up{${process}}`]: "0x20" },
		labels: labels.container,
		quiet: {
			"they are read": { [`up{${process}}`]: "1x20" },
			"of somebody else": { 'up{namespace="chat",pod="web",container="web"}': "0x20" },
		},
	},
	XmppfedUpstreamUnreachable: {
		at: 10,
		fires: { [`xmppfed_upstreams{${node},container="router",state="Unreachable"}`]: "1x10" },
		labels: labels.node,
		quiet: {
			"it is reached": {
				[`xmppfed_upstreams{${node},container="router",state="Unreachable"}`]: "0x10",
				[`xmppfed_upstreams{${node},container="router",state="Reachable"}`]: "2x10",
			},
			"it restarts": { [`xmppfed_upstreams{${node},container="router",state="Unreachable"}`]: "0x4 1x3 0x3" },
		},
	},
	XmppfedLinkDown: {
		at: 20,
		fires: {
			[`xmppfed_links{${node},container="router",state="Down"}`]: "2x20",
			[`xmppfed_links{${node},container="router",state="Up"}`]: "2x20",
		},
		labels: labels.node,
		quiet: {
			"all are up": {
				[`xmppfed_links{${node},container="router",state="Down"}`]: "0x20",
				[`xmppfed_links{${node},container="router",state="Up"}`]: "4x20",
			},
			"a node restarts": { [`xmppfed_links{${node},container="router",state="Down"}`]: "0x5 2x5 0x10" },
		},
	},
	XmppfedStreamsAtLimit: {
		at: 10,
		fires: { [streams("Authenticated")]: "2000x10", [streams("Negotiating")]: "300x10", [streamsLimit]: "2500x10" },
		labels: { ...labels.process, direction: "incoming" },
		quiet: {
			"there is room": {
				[streams("Authenticated")]: "2000x10",
				[streams("Negotiating")]: "200x10",
				[streamsLimit]: "2500x10",
			},
		},
	},
	XmppfedBacklogFilling: {
		at: 10,
		fires: { [backlog("stream")]: "9000000x10", [backlog("connection")]: "9000000x10", [backlogLimit]: "33554432x10" },
		labels: labels.process,
		quiet: {
			"little waits": {
				[backlog("stream")]: "0x10",
				[backlog("connection")]: "9000000x10",
				[backlogLimit]: "33554432x10",
			},
			"a wave": { [backlog("connection")]: "0x5 30000000x3 0x2", [backlogLimit]: "33554432x10" },
		},
	},
	XmppfedPeerFailing: {
		at: 90,
		fires: { [failures("peer.example")]: "0+0.2x90" },
		labels: labels.peer,
		quiet: {
			"another stream is open": { [failures("peer.example")]: "0+0.2x90", [peerStreams]: "1x90" },
			"nothing is to be sent": { [failures("peer.example")]: "5x90" },
			"strangers and names that do not exist": { [failures("other")]: "0+5x90" },
			"it fails to come to us": { [failures("peer.example", "incoming")]: "0+5x90" },
		},
	},
	XmppfedPeerCertificateExpires: {
		at: 90,
		fires: { [peerCertificate]: "86000x90" },
		labels: labels.peer,
		quiet: { "two days are left": { [peerCertificate]: "180000x90" } },
	},
	XmppfedStanzasRefused: {
		at: 60,
		fires: { [refused("out")]: "0+60x60", [handedOn]: "0+20x60" },
		labels: labels.federation,
		quiet: {
			"most is sent": { [refused("out")]: "0+60x60", [handedOn]: "0+600x60" },
			"a few, of a few": { [refused("out")]: "0+1x60", [handedOn]: "0x60" },
			"towards our users": { [refused("in")]: "0+60x60", [handedOn]: "0+20x60" },
		},
	},
	XmppfedPolicyRefusalsRising: {
		step: 10,
		at: day + 9,
		fires: { [decisions("Denied")]: `0+10x${day} ${10 * day}+600x9` },
		labels: labels.federation,
		quiet: {
			"as many as yesterday": { [decisions("Denied")]: `0+600x${day + 9}` },
			few: { [decisions("Denied")]: `0x${day} 0+30x9` },
			"Audit lets them through": {
				[decisions("Denied")]: `0x${day + 9}`,
				[decisions("WouldDeny")]: `0x${day} 0+600x9`,
			},
		},
	},
};
