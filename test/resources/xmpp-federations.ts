import type { InvalidCase, ValidCase } from "./cases.ts";
import { invalidCertificates, validCertificates } from "./certificates.ts";
import { invalidEmailAddresses, validEmailAddresses } from "./email-addresses.ts";
import { hostileFederations } from "./hostile-federations.ts";
import { invalidDns } from "./invalid-dns.ts";
import { invalidFederations } from "./invalid-federations.ts";
import { invalidNetworkPolicies } from "./invalid-network-policies.ts";
import { invalidNodes } from "./invalid-nodes.ts";
import { invalidSecurity } from "./invalid-security.ts";
import { invalidServices } from "./invalid-services.ts";
import { validFederations } from "./valid-federations.ts";
import { validSecurity } from "./valid-security.ts";

export const validCases: readonly ValidCase[] = [
	...validFederations,
	...validSecurity,
	...validCertificates,
	...validEmailAddresses,
];

export const invalidCases: readonly InvalidCase[] = [
	...invalidFederations,
	...invalidNodes,
	...invalidCertificates,
	...invalidNetworkPolicies,
	...invalidDns,
	...invalidSecurity,
	...invalidServices,
	...invalidEmailAddresses,
	...hostileFederations,
];
