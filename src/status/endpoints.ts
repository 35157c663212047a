import type { FederationAlias } from "../model/intent.ts";
import { xmppServerPort } from "../model/ports.ts";
import type { FederationObservation, ServiceObservation } from "./federation-observation.ts";

export interface Endpoint {
	/** Public: for peers. Internal: for the internal server. Resolver: DNS for the internal server. */
	readonly for: "Public" | "Internal" | "Resolver";
	/** Address or name. */
	readonly host: string;
	readonly port: number;
	/** The Service behind it. */
	readonly name: string;
}

export function endpoints({ intent, services }: FederationObservation): readonly Endpoint[] {
	return [
		...publicEndpoints(services.public, xmppServerPort),
		...(intent?.nodeAddresses ?? []).flatMap(({ node, port }) => publicEndpoints(services.nodes?.get(node), port)),
		...(intent?.aliases ?? []).flatMap((alias) => aliasEndpoints({ services }, alias)),
		...inside("Internal", services.internal, xmppServerPort),
		...inside("Resolver", services.resolver, 53),
	];
}

/** None of one that is Shared. */
export function aliasEndpoints(
	{ services }: Pick<FederationObservation, "services">,
	{ name, direct }: FederationAlias,
): readonly Endpoint[] {
	return direct ? publicEndpoints(services.aliases?.get(name), direct.port) : [];
}

function publicEndpoints(service: ServiceObservation | undefined, port: number): Endpoint[] {
	if (!service) return [];
	return service.ingress.map((host) => ({ for: "Public", host, port, name: service.name }));
}

/** What a load balancer gave comes first: an internal server outside the cluster reaches nothing else. */
function inside(purpose: Endpoint["for"], service: ServiceObservation | undefined, port: number): Endpoint[] {
	if (!service) return [];
	const hosts = [...service.ingress, ...(service.clusterIP ? [service.clusterIP] : [])];
	return hosts.map((host) => ({ for: purpose, host, port, name: service.name }));
}
