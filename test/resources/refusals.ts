import type { InvalidCase, Resource } from "./cases.ts";

/** What the messages must contain. */

export const notADomain = "must be a domain such as example.com";
export const notAHostName = "the target of an SRV record is a name, never an address";
export const notAHost = "must be a full host name such as xmpp.example.com";
export const notANetwork = "must be an address block such as 192.0.2.0/24";
export const notAnObject = "must be the name of an object";
export const notAQuantity = "must be a quantity such as 250m";
export const notAKey = "must be a name such as example.com/name";
export const notALabelValue = "must be the value of a label";
export const missing = { zod: "is missing: set it", apiserver: "Required value" };
export const tooMany = (most: number) => ({ zod: `<=${most} items`, apiserver: `must have at most ${most} items` });
export const tooLong = (most: number, least = 1) => ({
	zod: least === 0 ? `must have at most ${most} characters` : `must have ${least} to ${most} characters`,
	apiserver: `may not be more than ${most} bytes`,
});
export const tooShort = (most: number) => ({
	zod: `must have 1 to ${most} characters`,
	apiserver: "should be at least 1 chars long",
});
export const outOf = (least: number, most: number) => ({
	below: { zod: `>=${least}`, apiserver: `should be greater than or equal to ${least}` },
	above: { zod: `<=${most}`, apiserver: `should be less than or equal to ${most}` },
});
export const notOf = (zodType: string, type = zodType) => ({
	zod: `expected ${zodType}`,
	apiserver: `must be of type ${type}`,
});
export const notOneOf = { zod: "expected one of", apiserver: "supported values" };

export function invalid(name: string, resource: Resource, field: string, says: InvalidCase["says"]): InvalidCase {
	return { name, resource, field, says };
}
