import { type Fields, federation, withNetworkPeer } from "./builders.ts";
import type { InvalidCase } from "./cases.ts";
import { invalid, missing, notAKey, notALabelValue, notANetwork, notOf, notOneOf } from "./refusals.ts";

const peerLists = ["internal", "monitoring"] as const;
const selectors = ["podSelector", "namespaceSelector"] as const;

/** Wrong in spec.networkPolicy. */
export const invalidNetworkPolicies: readonly InvalidCase[] = [
	invalid("network policy: true", federation({ networkPolicy: true }), "spec.networkPolicy", notOf("object")),
	invalid(
		"network policy: enabled is a text",
		federation({ networkPolicy: { enabled: "yes" } }),
		"spec.networkPolicy.enabled",
		notOf("boolean"),
	),
	...peerLists.flatMap((list) => {
		const peer = `spec.networkPolicy.${list}[0]`;
		const wrong = (what: string, value: Fields, field: string, says: InvalidCase["says"]) =>
			invalid(`network policy: ${list}: ${what}`, withNetworkPeer(list, value), `${peer}${field}`, says);
		return [
			invalid(
				`network policy: ${list}: nobody`,
				federation({ networkPolicy: { [list]: [] } }),
				`spec.networkPolicy.${list}`,
				{ zod: ">=1 items", apiserver: "at least 1 items" },
			),
			wrong("empty peer", {}, "", "set podSelector, namespaceSelector or both, or ipBlock alone"),
			wrong("block and selector", { ipBlock: { cidr: "10.0.0.0/8" }, podSelector: {} }, "", "or ipBlock alone"),
			wrong("block: text", { ipBlock: "10.0.0.0/8" }, ".ipBlock", notOf("object")),
			wrong("block: no cidr", { ipBlock: {} }, ".ipBlock.cidr", missing),
			wrong("block: cidr", { ipBlock: { cidr: "10.0.0.1/8" } }, ".ipBlock.cidr", notANetwork),
			wrong("except: address", { ipBlock: { cidr: "10.0.0.0/8", except: ["a"] } }, ".ipBlock.except[0]", notANetwork),
			...["11.0.0.0/16", "10.0.0.0/8", "10.0.0.0/7", "2001:db8::/32"].map((except) =>
				wrong(
					`except: ${except}`,
					{ ipBlock: { cidr: "10.0.0.0/8", except: [except] } },
					".ipBlock.except",
					"must lie inside cidr and be smaller",
				),
			),
			...selectors.flatMap((selector) => {
				const expression = (fields: object) => ({ [selector]: { matchExpressions: [fields] } });
				const at = `.${selector}.matchExpressions`;
				return [
					wrong(`${selector}: text`, { [selector]: "app" }, `.${selector}`, notOf("object")),
					wrong(
						`${selector}: label key`,
						{ [selector]: { matchLabels: { "a/b/c": "x" } } },
						`.${selector}.matchLabels`,
						notAKey,
					),
					wrong(`${selector}: no list`, { [selector]: { matchExpressions: {} } }, at, notOf("array")),
					wrong(`${selector}: key`, expression({ key: "a b", operator: "Exists" }), `${at}[0].key`, notAKey),
					wrong(`${selector}: operator`, expression({ key: "a", operator: "Is" }), `${at}[0].operator`, notOneOf),
					wrong(
						`${selector}: value`,
						expression({ key: "a", operator: "In", values: ["a b"] }),
						`${at}[0].values[0]`,
						notALabelValue,
					),
					wrong(`${selector}: In nothing`, expression({ key: "a", operator: "In" }), `${at}[0].values`, "need values"),
					wrong(
						`${selector}: Exists with values`,
						expression({ key: "a", operator: "Exists", values: ["b"] }),
						`${at}[0].values`,
						"take none",
					),
				];
			}),
		];
	}),
];
