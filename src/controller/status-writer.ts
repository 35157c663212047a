import type { Logger } from "pino";
import { statusOf } from "../api/parse.ts";
import { xmppFederationResource } from "../api/xmpp-federation.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import type { EventRecorder } from "../kubernetes/events.ts";
import { type KubernetesObject, keyOf, type Observed } from "../kubernetes/object.ts";
import type { Store } from "../kubernetes/store.ts";
import { canonicalJson } from "../model/canonical-json.ts";
import type { FederationObservation } from "../status/federation-observation.ts";
import { federationStatus } from "../status/federation-status.ts";
import type { OperatorMetrics } from "./metrics.ts";
import { writeStatus } from "./write-status.ts";

export interface StatusWriterParts {
	readonly metrics: Pick<OperatorMetrics, "conditions" | "rolloutFinished">;
	readonly client: KubernetesClient;
	readonly store: Store<KubernetesObject>;
	readonly events: EventRecorder;
	readonly now: () => Date;
}

/** Writes status where it differs from what is there, and an Event for what has changed in it. */
export class StatusWriter {
	readonly #parts: StatusWriterParts;

	constructor(parts: StatusWriterParts) {
		this.#parts = parts;
	}

	async write(object: Observed, observation: FederationObservation, log: Logger, signal: AbortSignal): Promise<void> {
		const { client, store, events, metrics, now } = this.#parts;
		// Not the caller's object: an earlier write of the same reconcile may have changed it.
		const key = keyOf(object);
		const previous = statusOf(store.get(key) ?? object) ?? {};
		const status = federationStatus(observation, previous, now());
		metrics.conditions(key, status.conditions);
		const target = { client, resource: xmppFederationResource, store, events };
		if (!(await writeStatus(target, object, status, previous, log, signal))) return;
		const [finished] = status.finishedRollouts ?? [];
		if (finished && canonicalJson(finished) !== canonicalJson(previous.finishedRollouts?.[0])) {
			metrics.rolloutFinished((Date.parse(finished.finishedAt) - Date.parse(finished.startedAt)) / 1000);
		}
	}
}
