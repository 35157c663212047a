import type { Pod } from "../kubernetes/resources.ts";
import { nodeLabel } from "../objects/labels.ts";

/** The last end of a container of a gateway pod that is there. */
export interface ContainerEnd {
	readonly node: string;
	readonly container: string;
	readonly reason: string;
	readonly at: Date;
}

/** What kubelets give as reasons. A label of a metric has no others. */
const reasons = new Set([
	"OOMKilled",
	"Error",
	"Completed",
	"ContainerCannotRun",
	"StartError",
	"ContainerStatusUnknown",
]);

/** Of each node and container the newest: a node may have two pods. */
export function containerEnds(pods: readonly Pod[]): readonly ContainerEnd[] {
	const newest = new Map<string, ContainerEnd>();
	for (const { metadata, status } of pods) {
		const node = metadata.labels?.[nodeLabel] ?? "";
		for (const { name: container, lastState } of status?.containerStatuses ?? []) {
			const { finishedAt, reason = "" } = lastState?.terminated ?? {};
			if (finishedAt === undefined) continue;
			const end = { node, container, reason: reasons.has(reason) ? reason : "Other", at: new Date(finishedAt) };
			const key = `${node}/${container}`;
			if (end.at > (newest.get(key)?.at ?? 0)) newest.set(key, end);
		}
	}
	return [...newest.values()];
}
