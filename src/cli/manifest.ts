import { type DocumentOptions, parseAllDocuments, type SchemaOptions, type Tags } from "yaml";
import { z } from "zod";
import { apiVersion, group } from "../api/group.ts";
import { xmppFederationResource } from "../api/xmpp-federation.ts";
import type { KubernetesObject } from "../kubernetes/object.ts";
import { Failure } from "./failure.ts";

/** XmppFederations of a file as somebody wrote them, and what else is in it. */
export interface Manifest {
	readonly federations: readonly KubernetesObject[];
	/** `Kind/name`. */
	readonly others: readonly string[];
}

/**
 * YAML as kubectl reads it: version 1.1, where `yes` is true and `<<` merges, but neither times nor numbers to the base of
 * sixty are taken out of texts.
 */
const yamlOptions = {
	version: "1.1",
	// biome-ignore format: one thing
	customTags: (tags: Tags): Tags =>
		tags.filter((tag) => typeof tag === "string" || (tag.tag !== "tag:yaml.org,2002:timestamp" && tag.format !== "TIME")),
} as const satisfies DocumentOptions & SchemaOptions;

const anyObject = z.looseObject({
	apiVersion: z.string(),
	kind: z.string(),
	metadata: z.looseObject({ name: z.string().min(1).optional(), namespace: z.string().min(1).optional() }).optional(),
});
const list = z.looseObject({ items: z.array(z.unknown()) });

/**
 * Reads YAML with any number of documents, or JSON; a List counts as its items.
 *
 * @param file its name, for messages
 */
export function readManifest(text: string, file: string): Manifest {
	const federations: KubernetesObject[] = [];
	const others: string[] = [];
	for (const [index, value] of documents(text, file).entries()) {
		for (const object of items(value, `${file}, document ${index + 1}`)) {
			if (object.kind === xmppFederationResource.kind && object.apiVersion.split("/")[0] === group) {
				federations.push(federation(object, file));
			} else {
				others.push(`${object.kind}/${object.metadata?.name ?? "?"}`);
			}
		}
	}
	return { federations, others };
}

function documents(text: string, file: string): readonly unknown[] {
	// A byte order mark is a character to the parser.
	const parsed = parseAllDocuments(text.replace(/^\uFEFF/, ""), { ...yamlOptions, prettyErrors: true });
	return [...parsed].flatMap((document) => {
		const [error] = document.errors;
		if (error) throw new Failure(`${file} is no YAML: ${error.message.trimEnd()}`);
		let value: unknown;
		try {
			value = document.toJS({ maxAliasCount: 100 });
		} catch (cause) {
			throw new Failure(`${file} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`);
		}
		return value === null || value === undefined ? [] : [value];
	});
}

function items(value: unknown, where: string): readonly z.infer<typeof anyObject>[] {
	const parsed = anyObject.safeParse(value);
	if (!parsed.success) {
		const [issue] = parsed.error.issues;
		const field = issue?.path.join(".") ?? "";
		throw new Failure(`${where} is no Kubernetes object: ${field || "it"} is missing or of the wrong type`);
	}
	if (parsed.data.kind !== "List") return [parsed.data];
	const members = list.safeParse(value);
	return members.success ? members.data.items.flatMap((item) => items(item, where)) : [];
}

function federation(object: z.infer<typeof anyObject>, file: string): KubernetesObject {
	const { name } = object.metadata ?? {};
	if (name === undefined) throw new Failure(`${file}: an XmppFederation has no metadata.name`);
	if (object.apiVersion !== apiVersion) {
		throw new Failure(`${file}: XmppFederation ${name} is of ${object.apiVersion}; this program knows ${apiVersion}`);
	}
	// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- looked at above; the API server looks at the rest
	return object as unknown as KubernetesObject;
}
