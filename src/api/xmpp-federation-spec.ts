import { z } from "zod";
import { defaults } from "./defaults.ts";
import { dns, publicAddress } from "./dns.ts";
import { emailAddresses } from "./email-addresses.ts";
import { policyDefault } from "./federation-policy.ts";
import { limits } from "./limits.ts";
import { mapByName, setOf } from "./lists.ts";
import { dnsLabel, domainName } from "./names.ts";
import { networkPolicy } from "./network-policy.ts";
import { peers } from "./peers.ts";
import { affinity, nodeSelector, priorityClassName, resources, tolerations } from "./placement.ts";
import { matching, ruled } from "./rules.ts";
import { security } from "./security.ts";
import { internalService, keepsLoadBalancerClass, service } from "./service.ts";
import { text } from "./text.ts";
import { upstream } from "./upstream.ts";

const node = ruled(
	z.object({
		name: dnsLabel(40).meta({ description: "Name of the node, unique in the federation." }),
		federation: z
			.enum(["Enabled", "Disabled"])
			.meta({
				description:
					"Enabled: the node exchanges traffic with the internet. Disabled: it only routes for the internal server, through " +
					"the Enabled nodes.",
				defaultsTo: defaults.federation,
			})
			.exactOptional(),
		published: z
			.boolean()
			.meta({
				description:
					"Whether peers connect to this node. An Enabled node that is not published still carries outgoing traffic.",
				defaultsTo: "true on an Enabled node",
			})
			.exactOptional(),
		upstream: upstream
			.meta({ description: "The internal server as this node reaches it.", defaultsTo: "spec.upstream" })
			.exactOptional(),
		publicAddress: publicAddress
			.meta({
				description:
					"How peers reach this node by itself: it gets a Service and an SRV record of its own. Without effect while the " +
					"node is not published.",
				defaultsTo: "peers reach it through the Service of the federation",
			})
			.exactOptional(),
		resources: resources
			.meta({ description: "Processor and memory of each container of the node's pod." })
			.exactOptional(),
		nodeSelector: nodeSelector
			.meta({ description: "Labels that a machine must have to run the node's pod." })
			.exactOptional(),
		tolerations: tolerations.meta({ description: "Taints of machines that the node's pod tolerates." }).exactOptional(),
		affinity: affinity
			.meta({
				description:
					"Where the node's pod should run, relative to machines and other pods. Absent: nodes are spread over machines.",
			})
			.exactOptional(),
		priorityClassName: priorityClassName
			.meta({ description: "Name of the PriorityClass of the node's pod." })
			.exactOptional(),
	}),
	{
		cel: "!has(self.published) || !self.published || (has(self.federation) && self.federation == 'Enabled')",
		holds: ({ published, federation }) => published !== true || federation === "Enabled",
		message: "only an Enabled node can be published: set federation: Enabled, or leave published out",
		field: "published",
	},
);

const nodes = mapByName(node, { min: 1, max: 32, noun: "node" });

const imageName = "[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*";
const image = ruled(
	text(512, 1),
	matching(
		`^([A-Za-z0-9]([-.A-Za-z0-9]*[A-Za-z0-9])?(:[0-9]{1,5})?/)?${imageName}(/${imageName})*` +
			"(:[A-Za-z0-9_][-A-Za-z0-9_.]{0,127})?(@sha256:[a-f0-9]{64})?$",
		"must be the name of an image such as registry.example.com/xmppfed/gateway:0.1.0",
	),
);

const additionalDomains = ruled(setOf(domainName, 32), {
	cel: "self.all(a, self.exists_one(b, a.lowerAscii() == b.lowerAscii()))",
	holds: (list) => isUnique(list.map((domain) => domain.toLowerCase())),
	message: "has a domain twice (upper and lower case are the same): keep one",
});

/** What a user writes. Absent fields mean `defaults`. */
export const xmppFederationSpec = ruled(
	z.object({
		domain: ruled(domainName, {
			cel: "self == oldSelf",
			message: "cannot be changed: delete this XmppFederation and make one for the other domain",
		}).meta({ description: "The XMPP domain that peers reach, such as example.com. Cannot be changed." }),
		additionalDomains: additionalDomains
			.meta({ description: "More domains of the same internal server, such as conference.example.com." })
			.exactOptional(),
		upstream: upstream.meta({
			description: "The internal XMPP server, which has the users of every domain. A node may override it.",
		}),
		nodes: nodes.meta({ description: "Gateway nodes. Each is one pod." }),
		security: security
			.meta({ description: "How the gateway proves who it is, and what it demands of peers." })
			.exactOptional(),
		peers: peers
			.meta({
				description:
					"Settings for single peers. Of several entries for one peer the most specific one holds: its own domain, else " +
					"the longest wildcard. What an entry leaves out is as in spec.security.",
			})
			.exactOptional(),
		defaultPolicy: policyDefault
			.meta({
				description:
					"What holds for every peer where no FederationPolicy is in force: Deny keeps all out until there is one.",
				defaultsTo: defaults.defaultPolicy,
			})
			.exactOptional(),
		emailAddresses: emailAddresses
			.meta({
				description:
					"Federated contacts see and use the email addresses of users instead of their internal names. Who has which is " +
					"taken over while nodes run, whatever the strategy.",
				defaultsTo: "users are known by their internal names",
			})
			.exactOptional(),
		service: service.meta({ description: "The Service on port 5269 that peers connect to." }).exactOptional(),
		dns: dns.meta({ description: "What the DNS records say that status.dnsRecords lists." }).exactOptional(),
		internalService: internalService
			.meta({
				description:
					"The Services that the internal server uses: routers on port 5269, and the resolver on port 53 (UDP and TCP).",
			})
			.exactOptional(),
		resolver: z
			.object({
				enabled: z
					.boolean()
					.meta({ description: "Whether the resolver runs.", defaultsTo: defaults.resolverEnabled })
					.exactOptional(),
			})
			.meta({
				description:
					"A DNS server for the internal server: it sends look-ups of other XMPP servers to the gateway, so that the " +
					"internal server needs no other change.",
			})
			.exactOptional(),
		networkPolicy: networkPolicy
			.meta({
				description: "Who may connect to the pods of the federation, where the cluster enforces NetworkPolicies.",
			})
			.exactOptional(),
		rollout: z
			.object({
				strategy: z
					.enum(["Documented", "Live"])
					.meta({
						description:
							"Documented: every change of a node's settings restarts it. Live: what a node can take over while it runs, " +
							"such as a new certificate, restarts nothing. A change of the strategy restarts each node once.",
						defaultsTo: defaults.strategy,
					})
					.exactOptional(),
				imageUpdates: z
					.enum(["Manual", "Automatic"])
					.meta({
						description:
							"What happens when the operator is updated and has another gateway image, where spec.image is absent. Manual: " +
							"a node takes it when it restarts for another reason. Automatic: the nodes are restarted for it.",
						defaultsTo: defaults.imageUpdates,
					})
					.exactOptional(),
				drainSeconds: z
					.int()
					.min(1)
					.max(600)
					.meta({
						description:
							"Seconds that a node which stops gives its streams to deliver what is on them and end. The pod's grace period " +
							"is derived from it.",
						defaultsTo: defaults.drainSeconds,
					})
					.exactOptional(),
			})
			.meta({ description: "How nodes are restarted." })
			.exactOptional(),
		limits: limits.meta({ description: "What peers can make a node hold and do." }).exactOptional(),
		image: image
			.meta({
				description: "Gateway image. It must be at least as new as the operator.",
				defaultsTo: "the operator's, see spec.rollout.imageUpdates",
			})
			.exactOptional(),
	}),
	{
		cel: "!has(self.additionalDomains) || !self.additionalDomains.exists(d, d.lowerAscii() == self.domain.lowerAscii())",
		holds: ({ additionalDomains: more = [], domain }) =>
			!more.some((other) => other.toLowerCase() === domain.toLowerCase()),
		message: "spec.domain is one of the domains already: leave it out of additionalDomains",
		field: "additionalDomains",
	},
	{
		cel:
			"!has(self.peers) || self.peers.all(p, p.domain != self.domain.lowerAscii() && " +
			"(!has(self.additionalDomains) || !self.additionalDomains.exists(d, d.lowerAscii() == p.domain)))",
		holds: ({ peers: list = [], additionalDomains: more = [], domain }) => {
			const own = new Set([domain, ...more].map((name) => name.toLowerCase()));
			return !list.some((peer) => own.has(peer.domain));
		},
		message: "one of the federation's own domains is no peer: leave it out of peers",
		field: "peers",
	},
	keepsLoadBalancerClass,
).meta({ description: "What the federation should be." });

function isUnique(values: readonly string[]): boolean {
	return new Set(values).size === values.length;
}
