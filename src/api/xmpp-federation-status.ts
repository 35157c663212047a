import { z } from "zod";
import { conditions, observedGeneration } from "./conditions.ts";
import { mostMappings } from "./email-addresses.ts";
import { port } from "./names.ts";
import { serviceTypes } from "./service.ts";
import { text } from "./text.ts";

const atomic = { "x-kubernetes-list-type": "atomic" } as const;
const byName = { "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"] } as const;
const hostAndPort = {
	host: text(253).meta({ description: "Host name or IP address." }),
	port: port.meta({ description: "TCP port." }),
};

const node = z.object({
	name: text(40, 1).meta({ description: "Name of the node." }),
	federation: z.enum(["Enabled", "Disabled"]).meta({ description: "What the resource asks of the node." }),
	ready: z.boolean().meta({ description: "Whether the node's pod is ready." }),
	state: z.enum(["Current", "Pending", "Restarting", "Applying", "Blocked"]).meta({
		description:
			"Current: it runs what the resource asks. Pending: it waits for its turn to restart. Restarting: it is " +
			"restarting. Applying: it takes over a change while it runs. Blocked: it cannot, see message.",
	}),
	reason: text(1024).meta({ description: "Why, in one word for programs." }).exactOptional(),
	message: text(32_768).meta({ description: "Why and what to do, for people." }).exactOptional(),
	revision: text(128).meta({ description: "Hash of what the node runs." }).exactOptional(),
	liveRevision: text(128)
		.meta({
			description:
				"Hash of what the node takes over while it runs, once all its processes have it in force. With strategy Live only.",
		})
		.exactOptional(),
});

export const dnsRecord = z.object({
	name: text(512).meta({ description: "Owner name, such as _xmpp-server._tcp.example.com." }),
	type: z.enum(["SRV", "A", "AAAA", "CNAME"]).meta({ description: "Type of the record." }),
	ttl: z.int().min(0).meta({ description: "Seconds for which others may keep it." }).exactOptional(),
	priority: z.int().min(0).max(65_535).meta({ description: "Of an SRV record." }).exactOptional(),
	weight: z.int().min(0).max(65_535).meta({ description: "Of an SRV record." }).exactOptional(),
	port: port.meta({ description: "Of an SRV record." }).exactOptional(),
	target: text(254).meta({ description: "Of an SRV record: the host, with a dot at its end." }).exactOptional(),
	address: text(45).meta({ description: "Of an address record." }).exactOptional(),
	value: text(512).meta({ description: "Data of the record in zone file form, such as 0 0 5269 xmpp.example.com." }),
});

export const endpoint = z.object({
	name: text(253).meta({ description: "Name of the Service." }),
	type: z.enum(serviceTypes).meta({ description: "Type of the Service." }).exactOptional(),
	...hostAndPort,
	for: z.enum(["Public", "Internal", "Resolver"]).meta({
		description:
			"Public: peers connect to it. Internal: the internal server connects to it. Resolver: the internal server asks it " +
			"for DNS records.",
	}),
});

const effectiveNode = z.object({
	name: text(40, 1).meta({ description: "Name of the node." }),
	federation: z.enum(["Enabled", "Disabled"]).meta({ description: "Whether it exchanges traffic with the internet." }),
	published: z.boolean().meta({ description: "Whether peers connect to it." }),
	upstream: z.object(hostAndPort).meta({ description: "The internal server as the node reaches it." }),
	image: text(512).meta({ description: "Gateway image." }).exactOptional(),
});

const cause = z.object({
	rule: z.enum(["R15", "R16", "R17"]).meta({ description: "The restart rule that it follows." }),
	reason: text(64, 1).meta({ description: "Why, in one word for programs." }),
	field: text(512).meta({ description: "What changed." }),
	from: text(256).meta({ description: "Old value, where it is no secret." }).exactOptional(),
	to: text(256).meta({ description: "New value, where it is no secret." }).exactOptional(),
	scope: z.enum(["AllNodes", "Node", "None"]).meta({
		description:
			"AllNodes: it restarts every node. Node: it restarts the nodes that it is about. None: it restarts nothing, the " +
			"nodes take it over while they run.",
	}),
	nodes: z
		.array(text(40, 1))
		.max(64)
		.meta({ description: "Nodes that restart, start or stop for it, or take it over.", ...atomic }),
});

const startedAt = z.string().meta({ description: "When it began.", format: "date-time" });
const total = z.int().min(0).max(64).meta({ description: "Number of nodes that it is about." });

const rollout = z.object({
	causes: z
		.array(cause)
		.max(32)
		.meta({ description: "Why nodes restart.", ...atomic }),
	startedAt,
	total,
	done: z.int().min(0).max(64).meta({ description: "Number of nodes that are through." }),
	taken: z
		.array(text(40, 1))
		.max(64)
		.meta({ description: "Nodes that are through or on their way.", ...atomic }),
});

const finishedRollout = z.object({
	causes: z
		.array(cause)
		.max(8)
		.meta({ description: "Why nodes restarted.", ...atomic }),
	startedAt,
	finishedAt: z.string().meta({ description: "When the last node was through.", format: "date-time" }),
	total,
});

const securityMode = z.enum(["NoTLS", "TLSOptional", "TLSRequired"]);
const saslUse = z.enum(["Required", "Offered", "Disabled"]);
const security = z.object({
	mode: securityMode.meta({ description: "Whether traffic is encrypted." }),
	peerCertificates: z
		.enum(["Strict", "Opportunistic"])
		.meta({ description: "Whether certificates of peers must verify. Absent with NoTLS." })
		.exactOptional(),
	saslExternal: z
		.object({
			incoming: saslUse.meta({ description: "On streams that peers open." }),
			outgoing: saslUse.meta({ description: "On streams to peers." }),
		})
		.meta({ description: "Identification by certificate. Absent with NoTLS." })
		.exactOptional(),
	dialback: z
		.object({ mode: z.enum(["Enabled", "Disabled"]).meta({ description: "Whether it is used." }) })
		.meta({ description: "Identification by DNS." }),
});

/** The settings in force, with every default filled in. */
const effective = z.object({
	image: text(512).meta({ description: "Gateway image, that of the first node where they differ." }),
	imageFrom: z.enum(["Spec", "Operator"]).meta({
		description: "Spec: spec.image chose it. Operator: the operator did, see spec.rollout.imageUpdates.",
	}),
	operatorImage: text(512)
		.meta({ description: "Gateway image of the operator. Absent: every node has it." })
		.exactOptional(),
	securityMode: securityMode.meta({ description: "Whether traffic with peers without an entry is encrypted." }),
	security: security.meta({ description: "How peers without an entry are identified." }).exactOptional(),
	peers: z
		.array(
			z.object({
				domain: text(255, 1).meta({ description: "Domain, or *.DOMAIN." }),
				security: security.meta({ description: "How it is identified." }),
			}),
		)
		.max(500)
		.meta({
			description: "Settings for single peers, with what they take from their platform and from spec.security.",
			"x-kubernetes-list-type": "map",
			"x-kubernetes-list-map-keys": ["domain"],
		})
		.exactOptional(),
	certificate: z
		.enum(["SelfSigned", "Given", "Issued"])
		.meta({ description: "Where the certificate that peers see comes from." }),
	dialback: z.enum(["Generated", "Given"]).meta({ description: "Where the dialback secret comes from." }),
	service: z
		.object({
			type: z.enum(serviceTypes).meta({ description: "Type of the Service." }),
			externalTrafficPolicy: z
				.enum(["Cluster", "Local"])
				.meta({ description: "Absent with type ClusterIP." })
				.exactOptional(),
		})
		.meta({ description: "The Service that peers connect to." }),
	internalService: z
		.object({ type: z.enum(serviceTypes).meta({ description: "Type of the Services." }) })
		.meta({ description: "The Services that the internal server uses." })
		.exactOptional(),
	externalDNS: z
		.object({ enabled: z.boolean().meta({ description: "Whether there is one." }) })
		.meta({ description: "The DNSEndpoint that external-dns publishes. Absent: there is none." })
		.exactOptional(),
	networkPolicy: z
		.object({ enabled: z.boolean().meta({ description: "Whether NetworkPolicies are made." }) })
		.meta({ description: "Who may connect to the pods of the federation." })
		.exactOptional(),
	resolver: z
		.object({ enabled: z.boolean().meta({ description: "Whether it runs." }) })
		.meta({ description: "The DNS server for the internal server." }),
	nodes: z
		.array(effectiveNode)
		.max(32)
		.meta({ description: "Settings of each node.", ...byName }),
});

const emailAddresses = z.object({
	mappings: z.int().min(0).max(mostMappings).meta({ description: "Number of users who have an address." }),
	digest: text(64).meta({ description: "Names the mapping that nodes are given; each reports the one it has." }),
	nodesInForce: z.int().min(0).max(64).meta({ description: "Number of nodes that have it in force." }),
});

/** What the operator reports. */
export const xmppFederationStatus = z
	.object({
		observedGeneration,
		conditions: conditions
			.meta({ description: "What holds now. Judge by these: Ready sums up, the others say why." })
			.exactOptional(),
		readyNodes: text(16).meta({ description: "Ready nodes of all, such as 2/3." }).exactOptional(),
		enabledNodes: z
			.int()
			.min(0)
			.max(64)
			.meta({ description: "Number of nodes that exchange traffic with the internet, with those that are to go." })
			.exactOptional(),
		policy: text(300)
			.meta({
				description:
					"Name of the FederationPolicy in force, with what is particular to it; Allow or Deny where there is none.",
			})
			.exactOptional(),
		nodes: z
			.array(node)
			.max(64)
			.meta({ description: "State of each node.", ...byName })
			.exactOptional(),
		rollout: rollout
			.meta({ description: "The restarts that are under way. Absent: every node runs what the resource asks for." })
			.exactOptional(),
		finishedRollouts: z
			.array(finishedRollout)
			.max(5)
			.meta({ description: "The last restarts that are over, newest first.", ...atomic })
			.exactOptional(),
		emailAddresses: emailAddresses
			.meta({ description: "The mapping of spec.emailAddresses. Absent: nodes were given none yet." })
			.exactOptional(),
		dnsRecords: z
			.array(dnsRecord)
			.max(4096)
			.meta({ description: "Records to publish in DNS, so that peers find the federation.", ...atomic })
			.exactOptional(),
		endpoints: z
			.array(endpoint)
			.max(256)
			.meta({ description: "Where the federation is reached.", ...atomic })
			.exactOptional(),
		effective: effective.meta({ description: "The settings in force, with every default filled in." }).exactOptional(),
	})
	.meta({ description: "What the operator reports." });
