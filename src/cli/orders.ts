import type { KubernetesObject } from "../kubernetes/object.ts";
import { orderAnnotations } from "../model/rollout-orders.ts";

export { orderAnnotations };

/** As the operator reads it: what is neither true nor false pauses. */
export function isPaused({ metadata }: KubernetesObject): boolean {
	return (metadata.annotations?.[orderAnnotations.paused] ?? "false") !== "false";
}
