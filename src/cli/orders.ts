import { orderAnnotations } from "../model/rollout-orders.ts";

/** As the operator reads it: what is neither true nor false pauses. */
export function isPaused({ annotations = {} }: { readonly annotations?: Readonly<Record<string, string>> }): boolean {
	return (annotations[orderAnnotations.paused] ?? "false") !== "false";
}
