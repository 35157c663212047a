import { federation, nodes, upstream, withLimits, withNode, withRequests, withToleration } from "./builders.ts";
import type { InvalidCase } from "./cases.ts";
import {
	invalid,
	missing,
	notAHost,
	notAKey,
	notALabelValue,
	notAnObject,
	notAQuantity,
	notOf,
	notOneOf,
	tooLong,
	tooMany,
} from "./refusals.ts";

/** Wrong nodes. */
export const invalidNodes: readonly InvalidCase[] = [
	invalid("no nodes", federation({ nodes: undefined }), "spec.nodes", missing),
	invalid("nodes: empty", federation({ nodes: [] }), "spec.nodes", { zod: ">=1 items", apiserver: "at least 1 items" }),
	invalid("nodes: not a list", federation({ nodes: { name: "a" } }), "spec.nodes", notOf("array")),
	invalid(
		"nodes: 33",
		federation({ nodes: Array.from({ length: 33 }, (_, i) => ({ name: `n${i}` })) }),
		"spec.nodes",
		tooMany(32),
	),
	invalid(
		"nodes: two of one name",
		federation({ nodes: [{ name: "a" }, { name: "b" }, { name: "a" }] }),
		"spec.nodes[2]",
		{
			zod: "has the name of an earlier node",
			apiserver: "Duplicate value",
		},
	),
	invalid("node: no name", federation({ nodes: [{ federation: "Enabled" }] }), "spec.nodes[0].name", missing),
	invalid("node: name in upper case", withNode({ name: "GW" }), "spec.nodes[0].name", "must be a name such as gw-1"),
	invalid("node: name with a dot", withNode({ name: "a.b" }), "spec.nodes[0].name", "must be a name such as gw-1"),
	invalid("node: name of 41 characters", withNode({ name: "a".repeat(41) }), "spec.nodes[0].name", tooLong(40)),
	invalid("node: switch in lower case", withNode({ federation: "enabled" }), "spec.nodes[0].federation", notOneOf),
	invalid("node: published in quotes", withNode({ published: "true" }), "spec.nodes[0].published", notOf("boolean")),
	invalid(
		"node: Disabled and published",
		federation({ nodes: [...nodes, { name: "b", federation: "Disabled", published: true }] }),
		"spec.nodes[1].published",
		"only an Enabled node can be published",
	),
	invalid(
		"node: published without a switch",
		federation({ nodes: [{ name: "a", published: true }] }),
		"spec.nodes[0].published",
		"set federation: Enabled",
	),
	invalid(
		"node: upstream of one label",
		withNode({ upstream: { host: "xmpp" } }),
		"spec.nodes[0].upstream.host",
		notAHost,
	),
	invalid("node: upstream port", withNode({ upstream: { ...upstream, port: -1 } }), "spec.nodes[0].upstream.port", {
		zod: ">=1",
		apiserver: "greater than or equal to 1",
	}),
	invalid("node: upstream without host", withNode({ upstream: { port: 1 } }), "spec.nodes[0].upstream.host", missing),
	invalid("node: upstream is a text", withNode({ upstream: "a.b" }), "spec.nodes[0].upstream", notOf("object")),

	invalid("resources: text", withNode({ resources: "small" }), "spec.nodes[0].resources", notOf("object")),
	invalid(
		"resources: requests",
		withNode({ resources: { requests: 1 } }),
		"spec.nodes[0].resources.requests",
		notOf("object"),
	),
	invalid(
		"resources: limits",
		withNode({ resources: { limits: [] } }),
		"spec.nodes[0].resources.limits",
		notOf("object"),
	),
	...(["cpu", "memory", "ephemeral-storage"] as const).flatMap((key) => [
		invalid(
			`limits: ${key}: a word`,
			withLimits({ [key]: "much" }),
			`spec.nodes[0].resources.limits.${key}`,
			notAQuantity,
		),
		invalid(
			`requests: ${key}: negative`,
			withRequests({ [key]: -1 }),
			`spec.nodes[0].resources.requests.${key}`,
			notAQuantity,
		),
	]),
	invalid("limits: negative text", withLimits({ cpu: "-1" }), "spec.nodes[0].resources.limits.cpu", notAQuantity),
	invalid("limits: long exponent", withLimits({ cpu: "1e999" }), "spec.nodes[0].resources.limits.cpu", notAQuantity),
	invalid("limits: space", withLimits({ memory: "64 Mi" }), "spec.nodes[0].resources.limits.memory", notAQuantity),
	invalid("limits: fraction without quotes", withLimits({ cpu: 0.5 }), "spec.nodes[0].resources.limits.cpu", {
		zod: "a fraction in quotes",
		apiserver: "must be of type integer,string",
	}),

	invalid(
		"node selector: list",
		withNode({ nodeSelector: ["a"] }),
		"spec.nodes[0].nodeSelector",
		notOf("record", "object"),
	),
	invalid("node selector: key", withNode({ nodeSelector: { "a/b/c": "x" } }), "spec.nodes[0].nodeSelector", notAKey),
	invalid(
		"node selector: value",
		withNode({ nodeSelector: { a: "x y" } }),
		"spec.nodes[0].nodeSelector.a",
		notALabelValue,
	),
	invalid(
		"node selector: number",
		withNode({ nodeSelector: { a: 1 } }),
		"spec.nodes[0].nodeSelector.a",
		notOf("string"),
	),
	invalid(
		"node selector: 65 entries",
		withNode({ nodeSelector: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`k${i}`, ""])) }),
		"spec.nodes[0].nodeSelector",
		{ zod: "must have at most 64 entries", apiserver: "must have at most 64 items" },
	),
	invalid(
		"tolerations: 17",
		withNode({ tolerations: Array.from({ length: 17 }, () => ({ operator: "Exists" })) }),
		"spec.nodes[0].tolerations",
		tooMany(16),
	),
	invalid(
		"toleration: neither key nor Exists",
		withToleration({ effect: "NoSchedule" }),
		"spec.nodes[0].tolerations[0].key",
		"set key, or operator: Exists",
	),
	invalid("toleration: key", withToleration({ key: "a b" }), "spec.nodes[0].tolerations[0].key", notAKey),
	invalid(
		"toleration: operator",
		withToleration({ key: "a", operator: "In" }),
		"spec.nodes[0].tolerations[0].operator",
		notOneOf,
	),
	invalid(
		"toleration: value",
		withToleration({ key: "a", value: "-" }),
		"spec.nodes[0].tolerations[0].value",
		notALabelValue,
	),
	invalid(
		"toleration: value with Exists",
		withToleration({ key: "a", operator: "Exists", value: "b" }),
		"spec.nodes[0].tolerations[0].value",
		"leave value out or set operator: Equal",
	),
	invalid(
		"toleration: effect",
		withToleration({ key: "a", effect: "Never" }),
		"spec.nodes[0].tolerations[0].effect",
		notOneOf,
	),
	invalid(
		"toleration: seconds without NoExecute",
		withToleration({ key: "a", effect: "NoSchedule", tolerationSeconds: 1 }),
		"spec.nodes[0].tolerations[0].tolerationSeconds",
		"needs effect: NoExecute",
	),
	invalid("affinity: text", withNode({ affinity: "near" }), "spec.nodes[0].affinity", notOf("object")),
	...["nodeAffinity", "podAffinity", "podAntiAffinity"].map((kind) =>
		invalid(
			`affinity: ${kind} is a list`,
			withNode({ affinity: { [kind]: [] } }),
			`spec.nodes[0].affinity.${kind}`,
			notOf("object"),
		),
	),
	invalid(
		"priority class: upper case",
		withNode({ priorityClassName: "High" }),
		"spec.nodes[0].priorityClassName",
		notAnObject,
	),
];
