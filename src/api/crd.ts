import { z } from "zod";
import { celKeyword } from "./rules.ts";

/** A node of an OpenAPI v3 structural schema of Kubernetes. */
export interface StructuralSchema {
	readonly description?: string;
	/** What holds where the field is absent. For people only: never in a custom resource definition. */
	readonly defaultsTo?: string | number | boolean;
	readonly type?: string;
	readonly enum?: readonly string[];
	readonly maxLength?: number;
	readonly minimum?: number;
	readonly maximum?: number;
	readonly minItems?: number;
	readonly maxItems?: number;
	readonly maxProperties?: number;
	readonly required?: readonly string[];
	readonly properties?: Readonly<Record<string, StructuralSchema>>;
	readonly items?: StructuralSchema;
	readonly additionalProperties?: StructuralSchema;
	readonly [keyword: string]: unknown;
}

export interface PrinterColumn {
	readonly name: string;
	readonly type: "string" | "integer" | "date";
	readonly jsonPath: string;
	readonly description: string;
	/** 1 is shown by `-o wide` only. */
	readonly priority?: number;
}

export interface Kind {
	readonly group: string;
	readonly version: string;
	readonly kind: string;
	readonly plural: string;
	readonly singular: string;
	readonly shortName: string;
	readonly description: string;
	readonly columns: readonly PrinterColumn[];
	/** Schema of metadata.name, the only part of metadata that Kubernetes lets a definition restrict. */
	readonly name: z.ZodType;
	readonly spec: z.ZodType;
	readonly status: z.ZodType;
}

/** Keywords in the order in which they are written; what is not here is not structural and is left out. */
const keywords = [
	"description",
	"defaultsTo",
	"type",
	"format",
	"enum",
	"minLength",
	"maxLength",
	"pattern",
	"minimum",
	"maximum",
	"minItems",
	"maxItems",
	"maxProperties",
	"required",
	"properties",
	"items",
	"additionalProperties",
	"x-kubernetes-int-or-string",
	"x-kubernetes-preserve-unknown-fields",
	"x-kubernetes-list-type",
	"x-kubernetes-list-map-keys",
	celKeyword,
];

/** The schema of a custom resource definition. Defaults stand in the descriptions, for `kubectl explain`. */
export function structuralSchema(schema: z.ZodType): StructuralSchema {
	return changeEach(describedSchema(schema), ({ defaultsTo, ...rest }) =>
		defaultsTo === undefined ? rest : { ...rest, description: `${rest.description} Default: ${defaultsTo}.` },
	);
}

/** What a zod schema takes as input, with `defaultsTo` apart from the description. */
export function describedSchema(schema: z.ZodType): StructuralSchema {
	const json: unknown = z.toJSONSchema(schema, { target: "openapi-3.0", io: "input", unrepresentable: "throw" });
	if (!isSchema(json)) throw new TypeError("zod gave no schema object");
	return changeEach(json, structural);
}

/** One level of a JSON schema of zod in the form that Kubernetes takes. */
function structural(schema: StructuralSchema): StructuralSchema {
	const result = Object.fromEntries(
		keywords.flatMap((word) => (schema[word] === undefined ? [] : [[word, schema[word]]])),
	);
	// A bound at the edge of JavaScript's safe integers is zod's own, not one of the field.
	if (schema.minimum === Number.MIN_SAFE_INTEGER) delete result["minimum"];
	if (schema.maximum === Number.MAX_SAFE_INTEGER) delete result["maximum"];
	if (schema.additionalProperties !== undefined && Object.keys(schema.additionalProperties).length === 0) {
		delete result["additionalProperties"];
		delete result["properties"];
		result["x-kubernetes-preserve-unknown-fields"] = true;
	}
	return result;
}

/** The schema with each level changed, the innermost first. */
function changeEach(
	schema: StructuralSchema,
	change: (schema: StructuralSchema) => StructuralSchema,
): StructuralSchema {
	const { properties, items, additionalProperties } = schema;
	const below = (inner: StructuralSchema) => changeEach(inner, change);
	return change({
		...schema,
		...(properties === undefined ? {} : { properties: mapValues(properties, below) }),
		...(items === undefined ? {} : { items: below(items) }),
		...(additionalProperties === undefined ? {} : { additionalProperties: below(additionalProperties) }),
	});
}

function mapValues<Value>(values: Readonly<Record<string, Value>>, change: (value: Value) => Value) {
	return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, change(value)]));
}

function isSchema(value: unknown): value is StructuralSchema {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The CustomResourceDefinition (apiextensions.k8s.io/v1) of a kind with one version. */
export function customResourceDefinition(kind: Kind) {
	return {
		apiVersion: "apiextensions.k8s.io/v1",
		kind: "CustomResourceDefinition",
		metadata: { name: `${kind.plural}.${kind.group}` },
		spec: {
			group: kind.group,
			scope: "Namespaced",
			names: {
				kind: kind.kind,
				listKind: `${kind.kind}List`,
				plural: kind.plural,
				singular: kind.singular,
				shortNames: [kind.shortName],
				categories: ["xmppfed"],
			},
			versions: [
				{
					name: kind.version,
					served: true,
					storage: true,
					subresources: { status: {} },
					additionalPrinterColumns: kind.columns,
					schema: { openAPIV3Schema: rootSchema(kind) },
				},
			],
		},
	};
}

function rootSchema(kind: Kind): StructuralSchema {
	return {
		description: kind.description,
		type: "object",
		required: ["spec"],
		properties: {
			apiVersion: { description: `${kind.group}/${kind.version}.`, type: "string" },
			kind: { description: `${kind.kind}.`, type: "string" },
			metadata: { type: "object", properties: { name: structuralSchema(kind.name) } },
			spec: structuralSchema(kind.spec),
			status: structuralSchema(kind.status),
		},
	};
}
