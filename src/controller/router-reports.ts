import { Agent } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import { z } from "zod";
import { readText, sendRequest } from "../kubernetes/http-request.ts";
import { canonicalJson } from "../model/canonical-json.ts";
import type { LinkView } from "../rollout/links.ts";
import type { MappingReport, ProcessReport } from "../rollout/live.ts";
import type { AliasUpstream } from "../status/federation-observation.ts";

/** The part of a process's /status that conditions and the plan are made from. */
const processStatus = z.object({
	role: z.string().exactOptional(),
	upstreams: z
		.array(
			z.object({
				domain: z.string(),
				alias: z.string().exactOptional(),
				reachable: z.boolean(),
				served: z.boolean().exactOptional(),
				failure: z.string().exactOptional(),
			}),
		)
		.default([]),
	links: z.array(z.object({ domain: z.string(), address: z.string(), state: z.string() })).exactOptional(),
	dialback: z.object({ accepted: z.array(z.string()) }).exactOptional(),
	settings: z
		.object({
			revision: z.string().exactOptional(),
			failure: z.string().exactOptional(),
			used: z.record(z.string(), z.string()).exactOptional(),
		})
		.exactOptional(),
	certificate: z.object({ digest: z.string().exactOptional(), failure: z.string().exactOptional() }).exactOptional(),
	linkCertificate: z.object({ failure: z.string().exactOptional() }).exactOptional(),
	policy: z.object({ digest: z.string().exactOptional(), failure: z.string().exactOptional() }).exactOptional(),
	emailAddresses: z.object({ digest: z.string().exactOptional(), failure: z.string().exactOptional() }).exactOptional(),
});

export interface RouterReport {
	readonly reachable: boolean;
	readonly error?: string | undefined;
	/** The node's own domains that the server which is reached does not serve. Absent: none is known. */
	readonly unserved?: readonly string[];
	/** Of the upstreams of aliases; those of the node's own domains are in the fields above. Absent: it has none. */
	readonly aliases?: readonly AliasUpstream[];
	/** In one order. Undefined once the router has not answered for `linksKnownFor`. */
	readonly links: readonly LinkView[] | undefined;
	/** Ids of the dialback secrets that it accepts; undefined where its image knows of no more than one. */
	readonly accepts?: readonly string[] | undefined;
	/** What it has in force of what it takes over while it runs. */
	readonly settings: ProcessReport;
	/** Absent: it knows of no email addresses. */
	readonly emailAddresses?: MappingReport;
	/** Why it cannot use the files of the link certificate as they are now; absent where it can. */
	readonly linkFailure?: string;
}

/** Milliseconds between two questions to a router that reaches its upstream, and to one that does not or did not answer. */
const interval = 10_000;
const impatientInterval = 2_000;
const timeout = 3_000;
/**
 * Milliseconds for which an answer about links holds, and for which the first one of a router that is ready is waited for:
 * the plan must not wait for a router that cannot be asked.
 */
const linksKnownFor = 30_000;
/** Questions at once: 300 federations are asked in a second or two, without a burst. */
const concurrency = 16;

/** A process that is asked. */
export interface AskedProcess {
	/** Of its status. */
	readonly url: string;
	/** Whether its pod is: from then on it should answer. */
	readonly ready: boolean;
}

interface Target {
	readonly url: string;
	report: RouterReport | undefined;
	/** Milliseconds of the monotonic clock. */
	askedAt: number;
	answeredAt: number;
	/** Since when it is seen to be ready; undefined where it is not. */
	readySince: number | undefined;
	/** It is ready and has not said anything yet, and that is not for long. */
	awaited: boolean;
	/** It said something that this operator does not understand, which the log has told. */
	misunderstood: boolean;
}

/**
 * Asks every router over HTTP, again and again, whether it reaches its upstream: the pod's view, not the operator's.
 * A router that does not answer (not started yet, or the operator runs where pods cannot be reached) has no report, and
 * nothing is concluded from that: whether it lives is for the kubelet's probes to say.
 */
export class RouterReports {
	readonly #targets = new Map<string, Map<string, Target>>();
	/** Without connections that stay: there are as many routers as pods. */
	readonly #agent = new Agent();
	/** Federations whose plan waits for links: their routers are asked more often. */
	readonly #hurried = new Set<string>();
	/** Federations whose federation connection managers are asked for all that they tell. */
	readonly #asked = new Set<string>();
	readonly #onChange: (federationKey: string) => void;
	readonly #log: Logger;
	readonly #linksKnownFor: number;

	constructor(options: { log: Logger; onChange: (federationKey: string) => void; linksKnownFor?: number }) {
		this.#linksKnownFor = options.linksKnownFor ?? linksKnownFor;
		this.#onChange = options.onChange;
		this.#log = options.log;
	}

	/** States which routers a federation has, by node, and gives the last report of each that has one. */
	use(federationKey: string, processes: ReadonlyMap<string, AskedProcess>): ReadonlyMap<string, RouterReport> {
		const before = this.#targets.get(federationKey);
		const targets = new Map<string, Target>();
		for (const [node, { url, ready }] of processes) {
			const known = before?.get(node);
			const target: Target =
				known?.url === url
					? known
					: {
							url,
							report: undefined,
							askedAt: 0,
							answeredAt: 0,
							readySince: undefined,
							awaited: false,
							misunderstood: false,
						};
			const becomesReady = ready && target.readySince === undefined;
			if (becomesReady) [target.readySince, target.awaited] = [performance.now(), !target.report];
			else if (!ready) target.readySince = undefined;
			targets.set(node, target);
			// What is known of a new router decides conditions, and of one that is ready, whether the plan goes on.
			if (target !== known || (becomesReady && target.awaited)) void this.#ask(federationKey, target);
		}
		this.#targets.set(federationKey, targets);
		return new Map([...targets].flatMap(([node, { report }]) => (report ? [[node, report]] : [])));
	}

	/** Whether a router should say something at any moment: it is ready, and has not said anything yet. */
	isAwaited(federationKey: string, node: string): boolean {
		return this.#targets.get(federationKey)?.get(node)?.awaited ?? false;
	}

	release(federationKey: string): void {
		this.#targets.delete(federationKey);
		this.#hurried.delete(federationKey);
		this.#asked.delete(federationKey);
	}

	/** States whether the federation connection managers have to be asked for all that they tell: `use` gets its address. */
	askAll(federationKey: string, all: boolean): void {
		if (all) this.#asked.add(federationKey);
		else this.#asked.delete(federationKey);
	}

	asksAll(federationKey: string): boolean {
		return this.#asked.has(federationKey);
	}

	/** States whether somebody waits for what the federation's routers will say next. */
	hurry(federationKey: string, waits: boolean): void {
		if (waits) this.#hurried.add(federationKey);
		else this.#hurried.delete(federationKey);
	}

	/** Asks until `signal` aborts. */
	async run(signal: AbortSignal): Promise<void> {
		try {
			while (!signal.aborted) {
				const round = [...this.#targets].flatMap(([key, targets]) =>
					[...targets.values()].filter((target) => this.#isDue(key, target)).map((target) => ({ key, target })),
				);
				const worker = async () => {
					for (let next = round.pop(); next && !signal.aborted; next = round.pop())
						await this.#ask(next.key, next.target);
				};
				await Promise.all(Array.from({ length: concurrency }, worker));
				await sleep(impatientInterval, undefined, { signal }).catch(() => {});
			}
		} finally {
			this.#agent.destroy();
		}
	}

	async #ask(federationKey: string, target: Target): Promise<void> {
		target.askedAt = performance.now();
		const report = await this.#fetch(target);
		if (report) target.answeredAt = target.askedAt;
		const next = report ?? this.#withoutOldLinks(target);
		const isAwaited = target.awaited && !next && !this.#isOld(target.readySince ?? target.askedAt);
		if (isAwaited === target.awaited && canonicalJson(next) === canonicalJson(target.report)) return;
		[target.report, target.awaited] = [next, isAwaited];
		this.#onChange(federationKey);
	}

	#isOld(moment: number): boolean {
		return performance.now() - moment > this.#linksKnownFor;
	}

	/** No answer is no news: what the router said last stands until its pod is another one, but not about its links. */
	#withoutOldLinks({ report, answeredAt }: Target): RouterReport | undefined {
		return report && this.#isOld(answeredAt) ? { ...report, links: undefined } : report;
	}

	#isDue(federationKey: string, { report, askedAt }: Target): boolean {
		const patient = report?.reachable && !this.#hurried.has(federationKey);
		return performance.now() - askedAt >= (patient ? interval : impatientInterval);
	}

	async #fetch(target: Target): Promise<RouterReport | undefined> {
		const { url } = target;
		try {
			// The time-out is for the whole answer: a pod that sends it byte by byte must not hold up the others.
			const silence = { before: timeout, during: timeout };
			const response = await sendRequest(url, { agent: this.#agent, signal: AbortSignal.timeout(timeout), silence });
			const text = await readText(response, longestAnswer);
			// Gateway images of before have no /status/settings: their federation connection managers tell nothing.
			const answer: unknown = response.statusCode === 404 ? { role: "federation" } : JSON.parse(text);
			const { role, upstreams, links, dialback, settings, certificate, linkCertificate, policy, emailAddresses } =
				processStatus.parse(answer);
			if (upstreams.length === 0 && role !== "federation") return undefined;
			const failed = upstreams.find(({ reachable, alias }) => !reachable && alias === undefined);
			const aliases = upstreams.flatMap(({ alias, reachable, failure: error, served }) =>
				alias === undefined ? [] : [{ domain: alias, reachable, error, ...(served !== undefined && { served }) }],
			);
			const unserved = upstreams.flatMap(({ domain, served, alias }) =>
				served === false && alias === undefined ? [domain] : [],
			);
			const failure = settings?.failure ?? certificate?.failure ?? policy?.failure;
			return {
				reachable: !failed,
				error: failed?.failure,
				...(unserved.length > 0 && { unserved }),
				...(aliases.length > 0 && { aliases }),
				links: linkViews(links),
				accepts: dialback?.accepted,
				settings: {
					settings: settings?.revision,
					certificate: certificate?.digest,
					...(policy && { policy }),
					...(settings?.used && { used: settings.used }),
					...(failure !== undefined && { failure }),
				},
				...(emailAddresses && { emailAddresses }),
				...(linkCertificate?.failure !== undefined && { linkFailure: linkCertificate.failure }),
			};
		} catch (error) {
			this.#log.debug({ url, err: error }, "router did not answer");
			if (error instanceof z.ZodError && !target.misunderstood) {
				target.misunderstood = true;
				this.#log.warn({ url, err: error }, "a gateway says of itself what this operator does not understand");
			}
			return undefined;
		}
	}
}

/** A link that is withdrawn is connected and carries what goes out: its router does not reach its upstream. */
const upStates: ReadonlySet<string> = new Set(["Up", "Withdrawn"]);

function linkViews(links: z.infer<typeof processStatus>["links"]): readonly LinkView[] | undefined {
	return links
		?.map(({ domain, address, state }) => ({ domain, address, up: upStates.has(state) }))
		.toSorted((a, b) => (`${a.domain}@${a.address}` < `${b.domain}@${b.address}` ? -1 : 1));
}

/** A status with the streams of some thousand peers. */
const longestAnswer = 4 * 1024 * 1024;
