import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { RequestRecord } from "../kubernetes/client.ts";
import type { QueueHooks } from "../kubernetes/queue.ts";

/** The operator's own metrics, OpenMetrics names. */
export class OperatorMetrics {
	readonly registry = new Registry();
	readonly #requests = new Counter({
		name: "xmppfed_api_requests_total",
		help: "Requests to the Kubernetes API by verb, resource and HTTP status (0: no answer).",
		labelNames: ["verb", "resource", "status"],
		registers: [this.registry],
	});
	readonly #reconciles = new Counter({
		name: "xmppfed_reconciles_total",
		help: "Reconciles of federations by result.",
		labelNames: ["result"],
		registers: [this.registry],
	});
	readonly #seconds = new Histogram({
		name: "xmppfed_reconcile_duration_seconds",
		help: "Duration of reconciles.",
		buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10],
		registers: [this.registry],
	});
	readonly #waiting = new Gauge({
		name: "xmppfed_queue_waiting",
		help: "Federations that wait for a reconcile.",
		registers: [this.registry],
	});
	readonly #steps = new Counter({
		name: "xmppfed_node_steps_total",
		help: "Nodes created, restarted and removed.",
		labelNames: ["step"],
		registers: [this.registry],
	});
	readonly #leader = new Gauge({
		name: "xmppfed_leader",
		help: "1 while this process is the one that acts.",
		registers: [this.registry],
	});

	constructor() {
		collectDefaultMetrics({ register: this.registry });
		this.#leader.set(0);
	}

	request({ verb, resource, status }: RequestRecord): void {
		this.#requests.inc({ verb, resource, status: String(status) });
	}

	nodeStep(step: string): void {
		this.#steps.inc({ step });
	}

	leader(leads: boolean): void {
		this.#leader.set(leads ? 1 : 0);
	}

	get queueHooks(): QueueHooks {
		return {
			succeeded: (_key, seconds) => this.#reconciled("success", seconds),
			failed: (_key, seconds) => this.#reconciled("error", seconds),
			depth: (waiting) => this.#waiting.set(waiting),
		};
	}

	#reconciled(result: "success" | "error", seconds: number): void {
		this.#reconciles.inc({ result });
		this.#seconds.observe(seconds);
	}
}
