import { orderAnnotations, readRestart } from "../model/rollout-orders.ts";

/** As the operator reads it: what is neither true nor false pauses. */
export function isPaused({ annotations = {} }: { readonly annotations?: Readonly<Record<string, string>> }): boolean {
	return (annotations[orderAnnotations.paused] ?? "false") !== "false";
}

/**
 * The annotation that asks for a restart of a node as well: what was asked of other nodes may not have been carried out
 * yet, and stays. What was asked of this one before, and of nodes that are gone, is taken out.
 *
 * @param asked the annotation as it is
 * @param nodes names of all nodes
 */
export function alsoRestart(asked: string | undefined, node: string, time: string, nodes: readonly string[]): string {
	const others = (asked?.split(",") ?? []).filter((text) => {
		const order = readRestart(text.trim());
		return order && order.node !== node && (order.node === undefined || nodes.includes(order.node));
	});
	return [...others.map((text) => text.trim()), `${node}@${time}`].join(",");
}
