import type { FederationFacts } from "./facts.ts";

/** How a federation is called in a report: `CLUSTER: NAMESPACE/NAME`. */
export function nameOf({ cluster, view }: Pick<FederationFacts, "cluster" | "view">): string {
	return `${cluster}: ${view.namespace}/${view.name}`;
}

/** `a, b and c` */
export function listed(names: readonly string[]): string {
	const [last = "", ...others] = names.toReversed();
	return others.length === 0 ? last : `${others.toReversed().join(", ")} and ${last}`;
}

export function counted(count: number, one: string, many = `${one}s`): string {
	return `${count} ${count === 1 ? one : many}`;
}
