import type { NodeIntent, SecretDigests } from "./intent.ts";

/** A part of a node's intent, by its path. */
type Part = Exclude<keyof NodeIntent, "secrets"> | `secrets.${keyof SecretDigests}`;

/**
 * The parts that a node's processes can take over while they run. With the strategy Live they belong to no revision of
 * the node and stand in none of its immutable objects: the node's live objects have them. Values come to the processes by
 * the settings files (`gateway/settings.ts`), or by the Secret with the certificate and the trusted authorities.
 */
export const liveParts: readonly Part[] = [
	"aliases",
	"limits",
	"peers",
	"policy",
	"secrets.certificate",
	"secrets.trustedCAs",
	"security",
	"systemRoots",
	"unmappedUsers",
];

/**
 * Parts that became live later: only where the node has this sign. Without it they are of its revision, so that what an
 * earlier operator recorded of a node is equal to what is wanted of it, and an upgrade restarts nothing.
 */
const signs: { readonly [part: string]: keyof NodeIntent } = { aliases: "liveAliases" };

type Fields = Readonly<Record<string, unknown>>;

/** An intent without its live parts. @param intent or what was recorded as one */
export function withoutLive<Intent extends object>(intent: Intent): Partial<Intent> {
	return divided(intent).fixed;
}

/** The live parts of an intent alone. */
export function liveOf<Intent extends object>(intent: Intent): Partial<Intent> {
	return divided(intent).live;
}

function divided<Intent extends object>(
	intent: Intent,
): { readonly fixed: Partial<Intent>; readonly live: Partial<Intent> } {
	const fixed: Record<string, unknown> = Object.fromEntries(Object.entries(intent));
	const live: Record<string, unknown> = {};
	for (const part of liveParts) {
		const [name = "", inner] = part.split(".");
		const value = fixed[name];
		const sign = signs[part];
		if (value === undefined || (sign && fixed[sign] !== true)) continue;
		if (inner === undefined) {
			live[name] = value;
			delete fixed[name];
		} else if (isFields(value) && value[inner] !== undefined) {
			const { [inner]: taken, ...rest } = value;
			fixed[name] = rest;
			live[name] = { ...(isFields(live[name]) && live[name]), [inner]: taken };
		}
	}
	// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- parts of it, under their own names
	return { fixed, live } as { fixed: Partial<Intent>; live: Partial<Intent> };
}

function isFields(value: unknown): value is Fields {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}
