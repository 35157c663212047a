import baseModule, { type OperatorLogger } from "@dot-i/k8s-operator";
import type { KubeConfig } from "@kubernetes/client-node";
import type { Logger } from "pino";

// The package is CommonJS with a default export: Node gives the module object as the default.
const Operator = baseModule.default;

/** Shorter than the 30 s that a pod has, so that the reason for a hard end still reaches the log (ms). */
const defaultGrace = 25_000;

export interface OperatorProcessOptions {
	readonly kubeConfig: KubeConfig;
	readonly log: Logger;
	/** What the process does until the signal is aborted; then it finishes what it has begun and returns. */
	readonly work: (stopping: AbortSignal) => Promise<void>;
	/** ms that `work` may take to end. */
	readonly grace?: number;
}

/**
 * Life cycle of the operator's process, on the base class of @dot-i/k8s-operator: `start` calls `init`, which begins the
 * work; `stop` asks it to end. Watches, finalizers and status writes of that class are not used: docs/decisions/0002.
 */
export class OperatorProcess extends Operator {
	readonly #options: OperatorProcessOptions;
	readonly #stopping = new AbortController();
	#finished: Promise<void> | undefined;

	constructor(options: OperatorProcessOptions) {
		super(baseLogger(options.log));
		this.#options = options;
		// The base class has loaded a configuration of its own choice.
		this.kubeConfig = options.kubeConfig;
	}

	/** Begins the work and returns. */
	protected override async init(): Promise<void> {
		this.#finished = this.#options.work(this.#stopping.signal);
		// Handled by finished(); until somebody asks, a failure must not end the process as unhandled.
		this.#finished.catch(() => {});
	}

	/** Asks the work to end; {@link finished} tells when it has. */
	override stop(): void {
		super.stop();
		this.#stopping.abort(new Error("the operator is stopping"));
	}

	/** Resolves when the work has ended, rejects as it rejects. */
	async finished(): Promise<void> {
		if (!this.#finished) throw new Error("the operator was not started");
		await this.#finished;
	}

	/**
	 * Runs until the work ends by itself or after SIGTERM or SIGINT, and gives the exit code: 0 after a proper end, 1 when
	 * the work failed or did not end in time, 130 or 143 when a second signal came. To be given to process.exit: after a
	 * hard end something still runs.
	 */
	async runUntilSignal(): Promise<number> {
		const { log, grace = defaultGrace } = this.#options;
		const forced = Promise.withResolvers<number>();
		let timer: NodeJS.Timeout | undefined;
		const handle = (signal: "SIGINT" | "SIGTERM") => {
			if (this.#stopping.signal.aborted) {
				log.error(`${signal} again: ending at once`);
				forced.resolve(signal === "SIGINT" ? 130 : 143);
				return;
			}
			log.info(`${signal}: finishing what was begun`);
			timer = setTimeout(() => {
				log.error(`did not finish within ${grace / 1000} s of ${signal}: ending at once`);
				forced.resolve(1);
			}, grace);
			this.stop();
		};
		process.on("SIGINT", handle).on("SIGTERM", handle);
		try {
			await this.start();
			return await Promise.race([this.#exitCode(), forced.promise]);
		} finally {
			clearTimeout(timer);
			process.off("SIGINT", handle).off("SIGTERM", handle);
		}
	}

	async #exitCode(): Promise<number> {
		try {
			await this.finished();
			return 0;
		} catch (error) {
			this.#options.log.fatal({ err: error }, error instanceof Error ? error.message : "the operator failed");
			return 1;
		}
	}
}

function baseLogger(log: Logger): OperatorLogger {
	return {
		debug: (message) => log.debug(message),
		info: (message) => log.info(message),
		warn: (message) => log.warn(message),
		error: (message) => log.error(message),
	};
}
