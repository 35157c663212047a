/**
 * Resources that are right and resources that are wrong. zod (test/unit/api) and a real API server (test/apiserver) must
 * agree on every one of them.
 */
export interface Resource {
	readonly apiVersion: string;
	readonly kind: string;
	readonly metadata: { readonly name: string };
	readonly spec: unknown;
}

export interface ValidCase {
	readonly name: string;
	readonly resource: Resource;
}

export interface InvalidCase {
	readonly name: string;
	readonly resource: Resource;
	/** The field that must be named, such as spec.nodes[1].published. */
	readonly field: string;
	/** What the message must contain: a text of ours, which both checkers say, or what each says in its own words. */
	readonly says: string | { readonly zod: string; readonly apiserver: string };
}
