import { federationConfiguration } from "../gateway/federation.ts";
import { imageCheckScript } from "../gateway/image-check.ts";
import { configurationKeys, settingsKey } from "../gateway/layout.ts";
import { routerConfiguration } from "../gateway/router.ts";
import { revisionedSettings } from "../gateway/settings.ts";
import { canonicalJson } from "../model/canonical-json.ts";
import type { FederationIntent, NodeIntent } from "../model/intent.ts";
import { nodeObjectName } from "../model/names.ts";
import { nodeRevision, revisionedIntent } from "../model/revision.ts";
import { revisionAnnotation } from "./annotations.ts";
import { nodeSelectorLabels, objectLabels } from "./labels.ts";
import { metadata } from "./metadata.ts";

/** Key of the intent itself: what the node runs can be compared field by field with what it should run. */
export const intentKey = "intent.json";

/** The settings files among other keys. */
function settings(node: NodeIntent): Record<string, string> {
	return Object.fromEntries(Object.entries(revisionedSettings(node)).map(([file, text]) => [settingsKey(file), text]));
}

/** The intent that a node's ConfigMap records; undefined where it has none, or none that is JSON. */
export function recordedIntent(configMap: { readonly data?: Readonly<Record<string, string>> } | undefined): unknown {
	return parsed(configMap?.data?.[intentKey]);
}

/** @returns undefined where the text is no JSON */
export function parsed(text: string | undefined): unknown {
	try {
		return text === undefined ? undefined : JSON.parse(text);
	} catch {
		return undefined;
	}
}

export function nodeConfigurationName(node: NodeIntent): string {
	return revisionedName(nodeObjectName(node.federationName, node.name), nodeRevision(node));
}

/** Name of the ConfigMap and the Secret of one revision of a node. @param nodeName the name of its Deployment */
export function revisionedName(nodeName: string, revision: string): string {
	return `${nodeName}-${revision}`;
}

/**
 * Configuration of one revision of a node. Immutable and named by the revision: a pod that crashes finds the files that
 * it was started with, and never picks up newer settings out of plan.
 */
export function nodeConfiguration(federation: FederationIntent, node: NodeIntent) {
	return {
		apiVersion: "v1" as const,
		kind: "ConfigMap" as const,
		metadata: metadata(federation, nodeConfigurationName(node), revisionedLabels(node), {
			[revisionAnnotation]: nodeRevision(node),
		}),
		immutable: true,
		data: {
			[configurationKeys.imageCheck]: imageCheckScript,
			[configurationKeys.router]: routerConfiguration(node),
			...(node.federation === "Enabled" ? { [configurationKeys.federation]: federationConfiguration(node) } : {}),
			...settings(node),
			[intentKey]: `${canonicalJson(revisionedIntent(node))}\n`,
		},
	};
}

/** Labels of a node's objects. */
export function revisionedLabels(node: NodeIntent) {
	return { ...objectLabels(node.federationName, "gateway"), ...nodeSelectorLabels(node.federationName, node.name) };
}
