import { ApiError, type Call } from "./errors.ts";
import { type KubernetesObject, type Observed, observed, type Resource } from "./object.ts";

export type WatchEvent<T extends KubernetesObject> =
	| { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: Observed<T> }
	| { readonly type: "BOOKMARK"; readonly resourceVersion: string };

/** The event that a line of a watch holds. Throws {@link ApiError} where the server tells an error in its place. */
export function watchEvent<T extends KubernetesObject>(call: Call, resource: Resource<T>, line: string): WatchEvent<T> {
	// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the API's watch event
	const event = JSON.parse(line) as { type: string; object: { code?: number; metadata: { resourceVersion: string } } };
	switch (event.type) {
		case "ADDED":
		case "MODIFIED":
		case "DELETED":
			return { type: event.type, object: observed(resource, event.object) };
		case "BOOKMARK":
			return { type: "BOOKMARK", resourceVersion: event.object.metadata.resourceVersion };
		default:
			throw new ApiError(call, event.object.code ?? 500, event.object);
	}
}
