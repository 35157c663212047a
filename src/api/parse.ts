import type { z } from "zod";
import { type ChatNodeAlias, chatNodeAlias, chatNodeAliasStatus } from "./chat-node-alias.ts";
import { type FederationPolicy, federationPolicy, federationPolicyStatus } from "./federation-policy.ts";
import { unknownFields } from "./known-fields.ts";
import { type XmppFederation, type XmppFederationStatus, xmppFederation } from "./xmpp-federation.ts";
import { xmppFederationStatus } from "./xmpp-federation-status.ts";

export interface FieldError {
	/** Path in the resource, such as "spec.nodes[1].published"; "" is the resource itself. */
	readonly field: string;
	readonly message: string;
}

export type Parsed<Value> =
	| { readonly ok: true; readonly value: Value }
	| { readonly ok: false; readonly errors: readonly FieldError[] };

/**
 * Reads a resource that is stored. There a field that this version does not know is an error: a newer definition let it in,
 * and to carry the resource out without it would undo in silence what it asks for.
 */
export function parseStored<Resource extends { readonly spec: unknown }>(
	parse: (object: unknown) => Parsed<Resource>,
	object: object,
): Parsed<Resource> {
	const parsed = parse(object);
	if (!parsed.ok || !("spec" in object)) return parsed;
	const unknown = unknownFields(withoutNulls(object.spec), parsed.value.spec, "spec");
	if (unknown.length === 0) return parsed;
	const message = "is not known to this operator, which is older than what stored it: upgrade it, or remove the field";
	return { ok: false, errors: unknown.map((field) => ({ field, message })) };
}

/** Reads an XmppFederation: see {@link parseResource}. */
export function parseXmppFederation(object: unknown): Parsed<XmppFederation> {
	return parseResource(xmppFederation, xmppFederationStatus, object);
}

/** Reads a FederationPolicy: see {@link parseResource}. */
export function parseFederationPolicy(object: unknown): Parsed<FederationPolicy> {
	return parseResource(federationPolicy, federationPolicyStatus, object);
}

/** Reads a ChatNodeAlias: see {@link parseResource}. */
export function parseChatNodeAlias(object: unknown): Parsed<ChatNodeAlias> {
	return parseResource(chatNodeAlias, chatNodeAliasStatus, object);
}

/**
 * Reads a resource as the API server gives it, or as a user wrote it: what this accepts, the API server accepts, but for
 * rules about what may be changed. Unknown fields are left out, as the API server does; so are fields that are null.
 * A status that does not fit (of another version) is left out: the operator writes it anew.
 */
function parseResource<Resource extends object, Status>(
	schema: z.ZodType<Resource>,
	statusSchema: z.ZodType<Status>,
	object: unknown,
): Parsed<Resource & { status?: Status }> {
	const given = withoutNulls(object);
	const parsed = schema.safeParse(given, { error: requiredMessage });
	if (!parsed.success) {
		return { ok: false, errors: parsed.error.issues.map(({ path, message }) => ({ field: fieldPath(path), message })) };
	}
	const status = statusSchema.safeParse(statusIn(given));
	return { ok: true, value: status.success ? { ...parsed.data, status: status.data } : parsed.data };
}

/** The status that a resource has, as far as it is one of this version. */
export function statusOf(object: object): XmppFederationStatus | undefined {
	return xmppFederationStatus.safeParse(statusIn(object)).data;
}

function statusIn(object: unknown): unknown {
	return typeof object === "object" && object !== null && "status" in object ? object.status : undefined;
}

/** The API server takes a field that is null as absent. */
function withoutNulls(value: unknown): unknown {
	if (Array.isArray(value)) return value.map(withoutNulls);
	if (typeof value !== "object" || value === null) return value;
	return Object.fromEntries(
		Object.entries(value)
			.filter(([, field]) => field !== null)
			.map(([name, field]) => [name, withoutNulls(field)]),
	);
}

/** zod calls a missing field "undefined", which no user wrote. */
function requiredMessage(issue: z.core.$ZodRawIssue): string | undefined {
	if (issue.input !== undefined) return undefined;
	if (issue.code === "invalid_value") return `is missing: set it (${issue.values.join(" or ")})`;
	return issue.code === "invalid_type" ? `is missing: set it (${issue.expected})` : undefined;
}

function fieldPath(path: readonly PropertyKey[]): string {
	return path.reduce<string>((before, part) => {
		if (typeof part === "number") return `${before}[${part}]`;
		const name = String(part);
		if (!/^[A-Za-z][A-Za-z0-9-]*$/.test(name)) return `${before}[${JSON.stringify(name)}]`;
		return before === "" ? name : `${before}.${name}`;
	}, "");
}
