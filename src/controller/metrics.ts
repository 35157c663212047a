import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { Condition } from "../api/conditions.ts";
import type { QueueHooks } from "../kubernetes/queue.ts";
import type { RequestRecord } from "../kubernetes/requests.ts";
import type { AttachedCondition } from "./attached-conditions.ts";
import type { ContainerEnd } from "./container-ends.ts";

/** `NAMESPACE/NAME` as labels. */
function labelsOf(federationKey: string): { readonly namespace: string; readonly federation: string } {
	const [namespace = "", federation = ""] = federationKey.split("/");
	return { namespace, federation };
}

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
		help: "Nodes created, restarted and removed, and those given something while they run (Apply).",
		labelNames: ["step"],
		registers: [this.registry],
	});
	readonly #restarts = new Counter({
		name: "xmppfed_node_restarts_total",
		help: "Restarts of nodes by reason; a restart with several reasons counts for each.",
		labelNames: ["reason"],
		registers: [this.registry],
	});
	readonly #takenOver = new Counter({
		name: "xmppfed_node_live_changes_total",
		help: "Changes that nodes were given while they run, by reason (spec.rollout.strategy: Live).",
		labelNames: ["reason"],
		registers: [this.registry],
	});
	readonly #rollouts = new Histogram({
		name: "xmppfed_rollout_duration_seconds",
		help: "Duration of roll-outs, from the first cause to the last node that was through.",
		buckets: [10, 30, 60, 120, 300, 600, 1800, 7200],
		registers: [this.registry],
	});
	readonly #blockedSince = new Map<string, { reason: string; since: number }>();
	readonly #blocked = new Counter({
		name: "xmppfed_rollout_blocked_seconds_total",
		help: "Seconds for which roll-outs had to wait, by what for.",
		labelNames: ["reason"],
		registers: [this.registry],
		collect: () => {
			for (const [key, { reason }] of this.#blockedSince) this.rolloutBlocked(key, reason);
		},
	});
	readonly #blockedNow = new Gauge({
		name: "xmppfed_rollout_blocked",
		help: "1 for each federation whose roll-out has to wait, by what for.",
		labelNames: ["namespace", "federation", "reason"],
		registers: [this.registry],
		collect: () => {
			this.#blockedNow.reset();
			for (const [key, { reason }] of this.#blockedSince) this.#blockedNow.set({ ...labelsOf(key), reason }, 1);
		},
	});
	readonly #conditionsOf = new Map<string, readonly Pick<Condition, "type" | "status" | "reason">[]>();
	readonly #conditions = new Gauge({
		name: "xmppfed_federation_condition",
		help: "1 for each condition of a federation, with its status and reason.",
		labelNames: ["namespace", "federation", "condition", "status", "reason"],
		registers: [this.registry],
		collect: () => {
			this.#conditions.reset();
			for (const [key, conditions] of this.#conditionsOf) {
				for (const { type, status, reason } of conditions) {
					this.#conditions.set({ ...labelsOf(key), condition: type, status, reason }, 1);
				}
			}
		},
	});
	readonly #attachedTo = new Map<string, readonly AttachedCondition[]>();
	readonly #attached = new Gauge({
		name: "xmppfed_attached_resources",
		help: "FederationPolicies and ChatNodeAliases of a federation: how many have a condition with this status and reason.",
		labelNames: ["namespace", "federation", "kind", "condition", "status", "reason"],
		registers: [this.registry],
		collect: () => {
			this.#attached.reset();
			for (const [key, conditions] of this.#attachedTo) {
				for (const { kind, type, status, reason } of conditions) {
					this.#attached.inc({ ...labelsOf(key), kind, condition: type, status, reason });
				}
			}
		},
	});
	readonly #containerEndsOf = new Map<string, readonly ContainerEnd[]>();
	readonly #containerEnds = new Gauge({
		name: "xmppfed_gateway_container_ended_timestamp_seconds",
		help: "When a container of a node last ended while its pod went on, by why.",
		labelNames: ["namespace", "federation", "node", "container", "reason"],
		registers: [this.registry],
		collect: () => {
			this.#containerEnds.reset();
			for (const [key, ends] of this.#containerEndsOf) {
				for (const { at, ...labels } of ends) {
					this.#containerEnds.set({ ...labelsOf(key), ...labels }, at.getTime() / 1000);
				}
			}
		},
	});
	readonly #certificateEnds = new Map<string, Date>();
	readonly #certificateDays = new Gauge({
		name: "xmppfed_certificate_days_left",
		help: "Days until the certificate that peers of a federation see expires; negative when it has expired.",
		labelNames: ["namespace", "federation"],
		registers: [this.registry],
		collect: () => {
			this.#certificateDays.reset();
			for (const [key, notAfter] of this.#certificateEnds) {
				this.#certificateDays.set(labelsOf(key), (notAfter.getTime() - Date.now()) / 86_400_000);
			}
		},
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

	nodeRestarted(reason: string): void {
		this.#restarts.inc({ reason });
	}

	takenOver(reason: string): void {
		this.#takenOver.inc({ reason });
	}

	rolloutFinished(seconds: number): void {
		this.#rollouts.observe(seconds);
	}

	/** The federation's plan waits for this from now on; undefined: for nothing. */
	rolloutBlocked(federationKey: string, reason: string | undefined): void {
		const now = performance.now();
		const before = this.#blockedSince.get(federationKey);
		if (before) this.#blocked.inc({ reason: before.reason }, (now - before.since) / 1000);
		if (reason === undefined) this.#blockedSince.delete(federationKey);
		else this.#blockedSince.set(federationKey, { reason, since: now });
	}

	/** Conditions of the federation's status, as they are from now on. */
	conditions(federationKey: string, conditions: readonly Condition[]): void {
		// Without the messages, which are long.
		const kept = conditions.map(({ type, status, reason }) => ({ type, status, reason }));
		this.#conditionsOf.set(federationKey, kept);
	}

	/** Conditions of all policies and aliases of the federation, as they are from now on. */
	attached(federationKey: string, conditions: readonly AttachedCondition[]): void {
		if (conditions.length > 0) this.#attachedTo.set(federationKey, conditions);
		else this.#attachedTo.delete(federationKey);
	}

	/** Last ends of the containers of the federation's nodes. */
	containersEnded(federationKey: string, ends: readonly ContainerEnd[]): void {
		if (ends.length > 0) this.#containerEndsOf.set(federationKey, ends);
		else this.#containerEndsOf.delete(federationKey);
	}

	/** End of the certificate that the federation uses. */
	certificateExpires(federationKey: string, notAfter: Date): void {
		this.#certificateEnds.set(federationKey, notAfter);
	}

	/** The federation is gone. */
	release(federationKey: string): void {
		this.rolloutBlocked(federationKey, undefined);
		this.#conditionsOf.delete(federationKey);
		this.#attachedTo.delete(federationKey);
		this.#containerEndsOf.delete(federationKey);
		this.#certificateEnds.delete(federationKey);
	}

	/** Who does not lead knows nothing of federations: another process tells of them. */
	leader(leads: boolean): void {
		this.#leader.set(leads ? 1 : 0);
		if (leads) return;
		const maps = [
			this.#blockedSince,
			this.#conditionsOf,
			this.#attachedTo,
			this.#containerEndsOf,
			this.#certificateEnds,
		];
		for (const key of maps.flatMap((map) => [...map.keys()])) this.release(key);
		this.#waiting.set(0);
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
