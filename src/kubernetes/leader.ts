import type { Logger } from "pino";
import { pause } from "./backoff.ts";
import type { KubernetesClient } from "./client.ts";
import { isAlreadyExists, isConflict } from "./errors.ts";
import type { Observed } from "./object.ts";
import { type Lease, leases } from "./resources.ts";
import { microTime } from "./time.ts";

export interface LeaderTiming {
	/** Others may take the lease when it was not renewed for this long (ms); whole seconds. */
	readonly leaseDuration: number;
	/** The leader stops acting when it could not renew for this long (ms). Must be shorter than leaseDuration. */
	readonly renewDeadline: number;
	/** Between two renewals, and between two looks at somebody else's lease (ms). */
	readonly retryPeriod: number;
}

export interface LeaderOptions {
	/** Without `beforeWrite`: it writes the lease. */
	readonly client: KubernetesClient;
	readonly log: Logger;
	readonly namespace: string;
	/** Name of the Lease. */
	readonly name: string;
	/** Unique for each process, as the pod's name with something random. */
	readonly identity: string;
	readonly timing?: LeaderTiming;
}

const defaultTiming: LeaderTiming = { leaseDuration: 15_000, renewDeadline: 10_000, retryPeriod: 2_000 };

/** This process may not act: it is not the leader, or cannot know any more whether it is. */
export class NotLeadingError extends Error {
	override readonly name = "NotLeadingError";

	constructor() {
		super("this process is not the leader: nothing was sent");
	}
}

/**
 * Leader election on a Lease.
 *
 * Invariant: a process counts as leader for renewDeadline from the moment at which it sent the last renewal that
 * succeeded, by its own monotonic clock. Others count leaseDuration from when they saw that renewal, by theirs. So the
 * leader has stopped at least leaseDuration - renewDeadline before another begins, whatever the wall clocks say.
 */
export class LeaderElection {
	readonly #options: LeaderOptions;
	readonly #timing: LeaderTiming;
	/** The lease as this process last wrote or saw it. */
	#lease: Observed<Lease> | undefined;
	/** When that version was first seen (ms of the monotonic clock). */
	#seenAt = 0;
	/** Until when this process may act (ms of the monotonic clock). */
	#until = 0;

	constructor(options: LeaderOptions) {
		this.#options = options;
		this.#timing = options.timing ?? defaultTiming;
		if (this.#timing.renewDeadline >= this.#timing.leaseDuration) {
			throw new Error("renewDeadline must be shorter than leaseDuration, or two leaders could act at once");
		}
	}

	get isLeading(): boolean {
		return performance.now() < this.#until;
	}

	/** For `beforeWrite` of the client that acts: also holds where the process was stopped and no timer has run yet. */
	assertLeading(): void {
		if (!this.isLeading) throw new NotLeadingError();
	}

	/**
	 * Waits for the lease, calls `whileLeading`, and gives the lease back when that has returned. Its signal is aborted
	 * when leadership is lost; it must then end at once, and the wait for the lease begins again. On a graceful stop
	 * (`signal`) the lease is kept until `whileLeading` has finished what it was doing: it watches `signal` itself.
	 *
	 * Returns when `signal` is aborted, or when `whileLeading` returned by itself; rejects when that rejects.
	 */
	async run(signal: AbortSignal, whileLeading: (lost: AbortSignal) => Promise<void>): Promise<void> {
		while (await this.#acquire(signal)) {
			const lost = await this.#lead(whileLeading);
			if (!lost) return;
		}
	}

	/** Returns true with the lease, false when the signal was aborted. */
	async #acquire(signal: AbortSignal): Promise<boolean> {
		const { log, identity, name } = this.#options;
		let waitingFor: string | undefined;
		while (!signal.aborted) {
			try {
				if (await this.#tryAcquire(signal)) {
					log.info({ lease: name, identity }, "leading");
					return true;
				}
				const holder = this.#lease?.spec?.holderIdentity;
				if (holder && holder !== waitingFor) log.info({ lease: name, holder }, "waiting for the lease");
				waitingFor = holder;
			} catch (error) {
				if (!signal.aborted) log.warn({ err: error, lease: name }, "the lease was not read or taken");
			}
			await pause(this.#timing.retryPeriod * (0.8 + Math.random() * 0.4), signal);
		}
		return false;
	}

	async #tryAcquire(signal: AbortSignal): Promise<boolean> {
		const { client, namespace, name, identity } = this.#options;
		const options = { signal, timeout: this.#timing.renewDeadline };
		const found = await client.get(leases, namespace, name, options);
		if (found?.metadata.resourceVersion !== this.#lease?.metadata.resourceVersion) this.#seenAt = performance.now();
		this.#lease = found;
		const holder = found?.spec?.holderIdentity;
		const duration = (found?.spec?.leaseDurationSeconds ?? 0) * 1000;
		if (holder && holder !== identity && performance.now() - this.#seenAt < duration) return false;

		const started = performance.now();
		const now = microTime(new Date());
		const changed = holder !== identity;
		const spec = {
			holderIdentity: identity,
			leaseDurationSeconds: Math.ceil(this.#timing.leaseDuration / 1000),
			acquireTime: changed ? now : (found?.spec?.acquireTime ?? now),
			renewTime: now,
			leaseTransitions: (found?.spec?.leaseTransitions ?? 0) + (found && changed ? 1 : 0),
		};
		try {
			this.#lease = found
				? await client.replace(leases, { ...found, spec }, options)
				: await client.create(leases, { ...leaseIdentity, metadata: { name, namespace }, spec }, options);
		} catch (error) {
			// Somebody else was quicker.
			if (isConflict(error) || isAlreadyExists(error)) return false;
			throw error;
		}
		this.#until = started + this.#timing.renewDeadline;
		return true;
	}

	/** Returns whether leadership was lost; gives the lease back where it was not. */
	async #lead(whileLeading: (lost: AbortSignal) => Promise<void>): Promise<boolean> {
		const lost = new AbortController();
		const finished = new AbortController();
		const renewal = this.#renew(lost, finished.signal);
		try {
			await whileLeading(lost.signal);
		} catch (error) {
			// What ended because leadership was lost has not failed. It may know before the timer has run.
			if (error instanceof NotLeadingError) lost.abort(error);
			else if (!lost.signal.aborted) throw error;
		} finally {
			finished.abort();
			await renewal;
			this.#until = 0;
			if (!lost.signal.aborted) await this.#release();
		}
		return lost.signal.aborted;
	}

	/** Renews until finished, or until leadership is lost: then aborts `lost`. Never throws. */
	async #renew(lost: AbortController, finished: AbortSignal): Promise<void> {
		const { log, name } = this.#options;
		const lose = (why: string) => {
			if (finished.aborted || lost.signal.aborted) return;
			this.#until = 0;
			log.error({ lease: name }, `no longer leading: ${why}`);
			lost.abort(new NotLeadingError());
		};
		let timer: NodeJS.Timeout | undefined;
		const armTimer = () => {
			clearTimeout(timer);
			timer = setTimeout(() => lose("the lease was not renewed in time"), this.#until - performance.now());
		};
		armTimer();
		const stop = AbortSignal.any([finished, lost.signal]);
		while (!stop.aborted) {
			await pause(this.#timing.retryPeriod, stop);
			if (stop.aborted) break;
			try {
				// Not ended by `finished`: whether it was sent must be known before the lease is given back.
				if (await this.#tryRenew(lost.signal)) armTimer();
				else lose("somebody else has the lease");
			} catch (error) {
				if (!stop.aborted) log.warn({ err: error, lease: name }, "the lease was not renewed; trying again");
			}
		}
		clearTimeout(timer);
	}

	/** Returns false when somebody else has the lease. */
	async #tryRenew(signal: AbortSignal): Promise<boolean> {
		const { client, namespace, name, identity } = this.#options;
		const started = performance.now();
		// Half of the deadline: time for another try on another connection.
		const options = { signal, timeout: this.#timing.renewDeadline / 2 };
		const lease = this.#lease ?? (await client.get(leases, namespace, name, options));
		if (lease?.spec?.holderIdentity !== identity) return false;
		try {
			const spec = { ...lease.spec, renewTime: microTime(new Date()) };
			this.#lease = await client.replace(leases, { ...lease, spec }, options);
			signal.throwIfAborted();
			this.#until = started + this.#timing.renewDeadline;
			return true;
		} catch (error) {
			// Changed by somebody, or by a renewal of ours whose answer was lost: look before the next try.
			this.#lease = undefined;
			throw error;
		}
	}

	async #release(): Promise<void> {
		const { client, log, namespace, name, identity } = this.#options;
		try {
			const options = { timeout: this.#timing.renewDeadline / 2 };
			const lease = this.#lease ?? (await client.get(leases, namespace, name, options));
			if (lease?.spec?.holderIdentity !== identity) return;
			const spec = { ...lease.spec, holderIdentity: "", leaseDurationSeconds: 1, renewTime: microTime(new Date()) };
			this.#lease = await client.replace(leases, { ...lease, spec }, options);
			log.info({ lease: name }, "gave the lease back");
		} catch (error) {
			log.warn({ err: error, lease: name }, "the lease was not given back; it ends by itself");
		}
	}
}

const leaseIdentity = { apiVersion: leases.apiVersion, kind: leases.kind };
