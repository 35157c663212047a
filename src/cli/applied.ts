import type { KubernetesObject } from "../kubernetes/object.ts";
import { inOrder } from "../model/policy/in-force.ts";

/**
 * Objects of one kind and namespace as they would be once those of files were applied, the oldest first. An apply changes
 * what an object says, not its age; a new one is the youngest.
 */
export function applied(
	namespace: string,
	items: readonly KubernetesObject[],
	files: readonly KubernetesObject[],
): readonly KubernetesObject[] {
	const replaced = new Map(files.map((object) => [object.metadata.name, object]));
	const known = items.map((object): KubernetesObject => {
		const { name, creationTimestamp = "" } = object.metadata;
		const file = replaced.get(name);
		replaced.delete(name);
		return file ? { ...file, metadata: { ...file.metadata, namespace, creationTimestamp } } : object;
	});
	const added = [...replaced.values()].map(
		(object): KubernetesObject => ({
			...object,
			metadata: { ...object.metadata, namespace, creationTimestamp: "9999" },
		}),
	);
	return inOrder([...known, ...added]);
}
