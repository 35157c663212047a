import { z } from "zod";
import { defaults } from "./defaults.ts";
import { setOf } from "./lists.ts";
import { hostName, keyed, labelValue, network, qualifiedName } from "./names.ts";
import { type Rule, ruled } from "./rules.ts";
import { text } from "./text.ts";

export const serviceTypes = ["LoadBalancer", "NodePort", "ClusterIP"] as const;
/** No NodePort: the internal server asks for DNS on port 53, and a port of an SRV record would need the machines' names. */
const internalServiceTypes = ["ClusterIP", "LoadBalancer"] as const;

/** Labels of an object that the operator makes, beside its own. */
export const objectLabels = ruled(keyed(labelValue), {
	cel: "self.all(key, !key.startsWith('app.kubernetes.io/') && !key.startsWith('xmppfed.dev/'))",
	holds: (map) => keysAvoid(map, "app.kubernetes.io/", "xmppfed.dev/"),
	message: "keys that start with app.kubernetes.io/ or xmppfed.dev/ are set by the operator: choose another prefix",
});

/** Annotations of an object that the operator makes. */
export const serviceAnnotations = ruled(keyed(text(16_384)), {
	cel: "self.all(key, !key.startsWith('xmppfed.dev/'))",
	holds: (map) => keysAvoid(map, "xmppfed.dev/"),
	message: "keys that start with xmppfed.dev/ are set by the operator: choose another prefix",
});

function keysAvoid(map: Readonly<Record<string, string>>, ...prefixes: readonly string[]): boolean {
	return !Object.keys(map).some((key) => prefixes.some((prefix) => key.startsWith(prefix)));
}

const serviceType = z
	.enum(serviceTypes)
	.meta({ description: "Type of the Service.", defaultsTo: defaults.serviceType })
	.exactOptional();

const serviceFields = {
	annotations: serviceAnnotations
		.meta({ description: "Annotations of the Service, such as those that a cloud's load balancer reads." })
		.exactOptional(),
	labels: objectLabels.meta({ description: "More labels of the Service." }).exactOptional(),
	loadBalancerClass: qualifiedName
		.meta({
			description:
				"Which load balancer is used, where the cluster has several. Cannot be changed. Only with type LoadBalancer.",
		})
		.exactOptional(),
	externalTrafficPolicy: z
		.enum(["Cluster", "Local"])
		.meta({
			description:
				"Local keeps the addresses of peers visible. Cluster spreads connections over all machines. Not settable with " +
				"type ClusterIP.",
			defaultsTo: defaults.externalTrafficPolicy,
		})
		.exactOptional(),
	ipFamilyPolicy: z
		.enum(["SingleStack", "PreferDualStack", "RequireDualStack"])
		.meta({ description: "Whether the Service has IPv4 and IPv6 addresses.", defaultsTo: "the cluster's" })
		.exactOptional(),
	sourceRanges: setOf(network, 64)
		.meta({
			description: "Address blocks that may connect, such as 192.0.2.0/24. Absent: all. Only with type LoadBalancer.",
		})
		.exactOptional(),
};

interface AnyService {
	readonly type?: (typeof serviceTypes)[number];
	readonly externalTrafficPolicy?: string;
	readonly loadBalancerClass?: string;
	readonly sourceRanges?: readonly string[];
}

const serviceRules: readonly Rule<AnyService>[] = [
	{
		cel: "!has(self.externalTrafficPolicy) || !has(self.type) || self.type != 'ClusterIP'",
		holds: ({ externalTrafficPolicy, type }) => externalTrafficPolicy === undefined || type !== "ClusterIP",
		message:
			"a Service of type ClusterIP has no external traffic: leave externalTrafficPolicy out, or set type: LoadBalancer or NodePort",
		field: "externalTrafficPolicy",
	},
	{
		cel: "!has(self.loadBalancerClass) || !has(self.type) || self.type == 'LoadBalancer'",
		holds: ({ loadBalancerClass, type }) =>
			loadBalancerClass === undefined || type === undefined || type === "LoadBalancer",
		message:
			"loadBalancerClass has an effect with type: LoadBalancer only: set that type or leave loadBalancerClass out",
		field: "loadBalancerClass",
	},
	{
		cel: "!has(self.sourceRanges) || !has(self.type) || self.type == 'LoadBalancer'",
		holds: ({ sourceRanges, type }) => sourceRanges === undefined || type === undefined || type === "LoadBalancer",
		message: "sourceRanges has an effect with type: LoadBalancer only: set that type or leave sourceRanges out",
		field: "sourceRanges",
	},
];

/** The Service that peers connect to. */
export const service = ruled(
	z.object({
		type: serviceType,
		hostname: hostName
			.meta({
				description:
					"Name that peers are told in SRV records. It must resolve to the Service's address. Absent: status.dnsRecords is " +
					"empty, as an address cannot stand in an SRV record.",
			})
			.exactOptional(),
		...serviceFields,
	}),
	...serviceRules,
);

/** The Service that peers of a Direct alias connect to; its hostname is beside it. */
export const aliasService = ruled(z.object({ type: serviceType, ...serviceFields }), ...serviceRules);

/** Of a resource whose `service` is one of these. Kubernetes refuses the change. */
export const keepsLoadBalancerClass = {
	cel:
		`${ofService("self", "type", defaults.serviceType)} != 'LoadBalancer' || ` +
		`${ofService("oldSelf", "type", defaults.serviceType)} != 'LoadBalancer' || ` +
		`${ofService("self", "loadBalancerClass", "")} == ${ofService("oldSelf", "loadBalancerClass", "")}`,
	message:
		"service.loadBalancerClass cannot be changed while type is LoadBalancer (Kubernetes refuses it): " +
		"set type: ClusterIP first, then LoadBalancer with the other class",
	field: "service.loadBalancerClass",
};

/** CEL: a field of the Service, or what holds where it is absent. (Optionals, `.?`, are over the API server's cost limit.) */
function ofService(self: string, field: string, fallback: string): string {
	return `(has(${self}.service) && has(${self}.service.${field}) ? ${self}.service.${field} : '${fallback}')`;
}

/** The Services that the internal server uses: of the routers and of the resolver. */
export const internalService = ruled(
	z.object({
		type: z
			.enum(internalServiceTypes)
			.meta({
				description:
					"LoadBalancer: for an internal server outside the Kubernetes cluster. The resolver then answers with the " +
					"address that the load balancer gives.",
				defaultsTo: defaults.internalServiceType,
			})
			.exactOptional(),
		annotations: serviceAnnotations
			.meta({ description: "Annotations of both Services, such as those that ask a cloud for an internal address." })
			.exactOptional(),
		sourceRanges: setOf(network, 64)
			.meta({
				description:
					"Address blocks that may connect, such as 192.0.2.0/24. Set it, unless the load balancer's address is private. " +
					"Absent: all. Only with type LoadBalancer.",
			})
			.exactOptional(),
	}),
	{
		cel: "!has(self.sourceRanges) || (has(self.type) && self.type == 'LoadBalancer')",
		holds: ({ sourceRanges, type }) => sourceRanges === undefined || type === "LoadBalancer",
		message: "sourceRanges has an effect with type: LoadBalancer only: set that type or leave sourceRanges out",
		field: "sourceRanges",
	},
);
