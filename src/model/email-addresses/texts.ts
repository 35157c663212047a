import type { EmailAddressesSpec } from "../../api/email-addresses.ts";
import type { Problem } from "../problem.ts";
import type { MappingEntry, MappingSource } from "./source.ts";

/** A ConfigMap, or a Secret, whose values are base64. */
export interface MappingObject {
	readonly data?: Readonly<Record<string, string>> | undefined;
	/** Of a ConfigMap: what is no UTF-8. */
	readonly binaryData?: Readonly<Record<string, string>> | undefined;
}

export interface MappingObjects {
	/** Those that the resource names and that exist, by name. */
	readonly configMaps: ReadonlyMap<string, MappingObject>;
	readonly secrets: ReadonlyMap<string, MappingObject>;
}

/** The texts that `mappingRefs` names, or what is missing. */
export function textSources(
	refs: NonNullable<EmailAddressesSpec["mappingRefs"]>,
	{ configMaps, secrets }: MappingObjects,
): { readonly sources: readonly MappingSource[]; readonly problems: readonly Problem[] } {
	const problems: Problem[] = [];
	const sources = refs.flatMap(({ configMapRef, secretRef }, index): readonly MappingSource[] => {
		const [ref, kind] = configMapRef ? [configMapRef, "ConfigMap"] : [secretRef, "Secret"];
		if (!ref) return [];
		const field = `spec.emailAddresses.mappingRefs[${index}].${configMapRef ? "configMapRef" : "secretRef"}`;
		const object = (configMapRef ? configMaps : secrets).get(ref.name);
		const { data = {}, binaryData = {} } = object ?? {};
		const values = { ...data, ...binaryData };
		const keys = ref.key === undefined ? Object.keys(values).toSorted() : [ref.key];
		const missing = missingPart(kind, ref, object !== undefined, values);
		if (missing !== undefined) {
			problems.push({ reason: "EmailAddressesUnavailable", field, message: missing });
			return [];
		}
		return keys.map((key) => ({
			field,
			at: (line) => `${kind} ${ref.name}, ${key} line ${line}`,
			entries: () => {
				if (binaryData[key] !== undefined) return [noText];
				return entriesOf(configMapRef ? (data[key] ?? "") : decoded(data[key]));
			},
			isShown: configMapRef !== undefined,
		}));
	});
	return { sources, problems };
}

const noText: MappingEntry = { place: 1, wrong: "must be text in UTF-8", text: "(no text)" };

function missingPart(
	kind: string,
	{ name, key }: { readonly name: string; readonly key?: string },
	exists: boolean,
	data: Readonly<Record<string, string>>,
): string | undefined {
	const remedy = 'with one "user = address" a line.';
	if (!exists) return `${kind} "${name}" does not exist in this namespace. Create it, ${remedy}`;
	if (key === undefined || data[key] !== undefined) return undefined;
	return `${kind} "${name}" has no key "${key}". Put the mapping there, ${remedy}`;
}

function decoded(base64: string | undefined): string {
	return Buffer.from(base64 ?? "", "base64").toString("utf8");
}

/** Lines from 1. What follows a # at the beginning of a word is a comment. */
function* entriesOf(text: string): Iterable<MappingEntry> {
	let place = 0;
	for (const line of text.split("\n")) {
		place += 1;
		const content = line.replace(/(^|\s)#.*$/, "").trim();
		if (content !== "") yield { place, ...divided(content) };
	}
}

/** At the = with space around it, or at the only one: a user may have one in its name. */
function divided(content: string) {
	const [user, address, ...more] = /\s=\s/.test(content) ? content.split(/\s+=\s+/) : content.split(/\s*=\s*/);
	if (user && address && more.length === 0) return { user, address };
	return { wrong: "must be a user, =, and an address, such as alice = alice.smith@example.com", text: content };
}
