import type { KubernetesObject } from "../kubernetes/object.ts";

/** Annotations of an XmppFederation by which people steer its roll-outs. */
export const orderAnnotations = {
	restart: "xmppfed.dev/restart",
	paused: "xmppfed.dev/paused",
} as const;

/** As the operator reads it: what is neither true nor false pauses. */
export function isPaused({ metadata }: KubernetesObject): boolean {
	return (metadata.annotations?.[orderAnnotations.paused] ?? "false") !== "false";
}
