import { type DocumentOptions, parseAllDocuments, type SchemaOptions, type Tags } from "yaml";
import { z } from "zod";
import { chatNodeAliasResource } from "../api/chat-node-alias.ts";
import { federationPolicyResource } from "../api/federation-policy.ts";
import { apiVersion, group } from "../api/group.ts";
import { xmppFederationResource } from "../api/xmpp-federation.ts";
import type { KubernetesObject } from "../kubernetes/object.ts";
import { Failure } from "./failure.ts";
import type { ListObject, PolicyFiles } from "./policies.ts";

/** Objects of a file as somebody wrote them. */
export interface Manifest extends PolicyFiles {
	readonly federations: readonly KubernetesObject[];
	readonly aliases: readonly KubernetesObject[];
	/** What else is in it, ConfigMaps as well: `Kind/name`. */
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
	const policies: KubernetesObject[] = [];
	const aliases: KubernetesObject[] = [];
	const configMaps: ListObject[] = [];
	const others: string[] = [];
	for (const [index, value] of documents(text, file).entries()) {
		for (const object of items(value, `${file}, document ${index + 1}`)) {
			const isOurs = object.apiVersion.split("/")[0] === group;
			if (isOurs && object.kind === xmppFederationResource.kind) {
				federations.push(ours(object, file));
			} else if (isOurs && object.kind === federationPolicyResource.kind) {
				policies.push(ours(object, file));
			} else if (isOurs && object.kind === chatNodeAliasResource.kind) {
				aliases.push(ours(object, file));
			} else {
				if (object.apiVersion === "v1" && object.kind === "ConfigMap") configMaps.push(configMap(object, file));
				others.push(`${object.kind}/${object.metadata?.name ?? "?"}`);
			}
		}
	}
	return { federations, policies, aliases, configMaps, others };
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

function ours(object: z.infer<typeof anyObject>, file: string): KubernetesObject {
	const { kind, metadata: { name } = {} } = object;
	if (name === undefined)
		throw new Failure(`${file}: ${kind === "XmppFederation" ? "an" : "a"} ${kind} has no metadata.name`);
	if (object.apiVersion !== apiVersion) {
		throw new Failure(`${file}: ${kind} ${name} is of ${object.apiVersion}; this program knows ${apiVersion}`);
	}
	// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- looked at above; the API server looks at the rest
	return object as unknown as KubernetesObject;
}

const lists = z.looseObject({
	data: z.record(z.string(), z.string()).exactOptional(),
	binaryData: z.record(z.string(), z.string()).exactOptional(),
});

function configMap(object: z.infer<typeof anyObject>, file: string): ListObject {
	const { name = "?", namespace } = object.metadata ?? {};
	const parsed = lists.safeParse(object);
	if (!parsed.success) throw new Failure(`${file}: data of ConfigMap ${name} must be texts`);
	const { data, binaryData } = parsed.data;
	return {
		apiVersion: "v1",
		kind: "ConfigMap",
		metadata: { name, ...(namespace !== undefined && { namespace }) },
		...(data && { data }),
		...(binaryData && { binaryData }),
	};
}
