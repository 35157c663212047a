import type { InvalidCase } from "./cases.ts";
import { hostileFederations } from "./hostile-federations.ts";
import { invalidDns } from "./invalid-dns.ts";
import { invalidFederations } from "./invalid-federations.ts";
import { invalidNetworkPolicies } from "./invalid-network-policies.ts";
import { invalidNodes } from "./invalid-nodes.ts";
import { invalidServices } from "./invalid-services.ts";

export { validCases } from "./valid-federations.ts";

export const invalidCases: readonly InvalidCase[] = [
	...invalidFederations,
	...invalidNodes,
	...invalidNetworkPolicies,
	...invalidDns,
	...invalidServices,
	...hostileFederations,
];
