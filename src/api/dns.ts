import { z } from "zod";
import { isGlobalUnicast, parseIp } from "./addresses.ts";
import { defaults } from "./defaults.ts";
import { hostName, port } from "./names.ts";
import { ruled } from "./rules.ts";
import { objectLabels, serviceAnnotations } from "./service.ts";
import { text } from "./text.ts";

const unsigned16 = z.int().min(0).max(65_535);

/** An address by which peers reach a node. */
export const publicIp = ruled(text(45, 1), {
	cel: "isIP(self) && ip(self).isGlobalUnicast()",
	holds: (value) => {
		const address = parseIp(value);
		return address !== undefined && isGlobalUnicast(address);
	},
	message: "must be an IP address such as 192.0.2.7 or 2001:db8::7 (not loopback, link-local or multicast)",
});

/** How peers reach one node by itself (R8, R12). */
export const publicAddress = z.object({
	hostname: hostName.meta({ description: "Name that peers are told in the SRV record of this node." }),
	ip: publicIp
		.meta({
			description:
				"Address that the name must resolve to, such as that of a firewall which translates it to the node's Service.",
			defaultsTo: "what the load balancer gives the node's Service",
		})
		.exactOptional(),
	port: port
		.meta({
			description: "Port that peers connect to, in the SRV record and at the node's Service.",
			defaultsTo: defaults.publicPort,
		})
		.exactOptional(),
	annotations: serviceAnnotations
		.meta({
			description:
				"More annotations of the node's Service, such as one that asks a load balancer for a certain address. They come " +
				"over those of spec.service.",
		})
		.exactOptional(),
});

/** What the SRV records of the federation say (RFC 2782). */
export const dns = z.object({
	ttl: z
		.int()
		.min(30)
		.max(604_800)
		.meta({ description: "Seconds for which others may keep a record.", defaultsTo: defaults.dnsTtl })
		.exactOptional(),
	priority: unsigned16
		.meta({
			description: "Peers try records of the lowest priority first: give another cluster of the domain a higher one.",
			defaultsTo: defaults.dnsPriority,
		})
		.exactOptional(),
	weight: unsigned16
		.meta({
			description: "Share of peers among records of the same priority.",
			defaultsTo: defaults.dnsWeight,
		})
		.exactOptional(),
	externalDNS: z
		.object({
			enabled: z
				.boolean()
				.meta({
					description: "Whether the records are in a DNSEndpoint, which external-dns publishes.",
					defaultsTo: defaults.externalDNSEnabled,
				})
				.exactOptional(),
			annotations: serviceAnnotations
				.meta({ description: "Annotations of the DNSEndpoint, such as one that external-dns filters by." })
				.exactOptional(),
			labels: objectLabels.meta({ description: "More labels of the DNSEndpoint." }).exactOptional(),
		})
		.meta({ description: "Publishing by external-dns, where the cluster has it." })
		.exactOptional(),
});
