import { isIPv4 } from "node:net";
import { type Reasons, type Verdict, verdicts } from "./condition.ts";
import { type DnsRecord, dnsRecords } from "./dns-records.ts";
import type { FederationObservation } from "./federation-observation.ts";

export const dnsPublishedReasons = {
	Published: "True",
	Missing: "False",
	Drifted: "False",
	NoHostname: "Unknown",
	NothingToPublish: "Unknown",
	NotLookedUp: "Unknown",
	LookupFailed: "Unknown",
	NotAccepted: "Unknown",
} as const satisfies Reasons;

const verdict = verdicts(dnsPublishedReasons);

/** What DNS said to one question. No records: there is no such name, or none of that type. */
export type DnsAnswer = { readonly records: readonly string[] } | { readonly failure: string };

export interface DnsQuestion {
	/** Owner name with a dot at its end. */
	readonly name: string;
	readonly type: DnsRecord["type"];
}

/** What the condition is made from. */
export type DnsObservation = Pick<FederationObservation, "intent" | "services" | "dns">;

/** Answers by `questionKey`. */
export type DnsAnswers = ReadonlyMap<string, DnsAnswer>;

export function questionKey({ type, name }: DnsQuestion): string {
	return `${type} ${name}`;
}

/** What has to be asked to know whether the records are published: each SRV name, and both addresses of each target. */
export function dnsQuestions(records: readonly DnsRecord[]): readonly DnsQuestion[] {
	const questions = records.flatMap((record): DnsQuestion[] =>
		record.type === "SRV"
			? [
					{ name: record.name, type: "SRV" },
					{ name: record.target, type: "A" },
					{ name: record.target, type: "AAAA" },
				]
			: [],
	);
	return [...new Map(questions.map((question) => [questionKey(question), question])).values()];
}

/**
 * DNSPublished: peers that look the domains up come to this federation (R8). More records than ours are no fault: other
 * clusters of the domain publish theirs (R14).
 */
export function dnsPublished(observation: DnsObservation): Verdict {
	const { intent, dns } = observation;
	if (!intent) return verdict("NotAccepted", "There are no records to look for; see the condition Accepted.");
	if (!intent.nodes.some(({ published }) => published) && !intent.aliases?.some(({ direct }) => direct)) {
		return verdict("NothingToPublish", "No node is published: there is nothing that peers should find.");
	}
	const records = dnsRecords(observation);
	if (!records.some(({ type }) => type === "SRV")) {
		const message =
			"spec.service.hostname is not set, so peers cannot be told where the federation is. Set it to a name that " +
			"resolves to the address of the public Service; status.dnsRecords then shows what to publish.";
		return verdict("NoHostname", message);
	}
	const questions = dnsQuestions(records);
	const answers = questions.map((question) => ({ question, answer: dns?.get(questionKey(question)) }));
	if (answers.some(({ answer }) => answer === undefined)) {
		return verdict("NotLookedUp", "The records have not been looked up yet.");
	}
	const look = new Look(records, dns ?? new Map());
	const missing = look.missing();
	const drifted = look.drifted();
	if (missing.length > 0) return verdict("Missing", [...missing, ...drifted].join(" "));
	if (drifted.length > 0) return verdict("Drifted", drifted.join(" "));
	const failed = answers.flatMap(({ question, answer }) =>
		answer && "failure" in answer ? [`${question.name} ${question.type}: ${answer.failure}`] : [],
	);
	if (failed.length > 0) {
		const message =
			`DNS did not answer the operator: ${failed.join("; ")}. Where it does not reach these servers, name others by its ` +
			"argument --dns-servers (dnsServers of the chart).";
		return verdict("LookupFailed", message);
	}
	const others = look.others();
	const besides = others.length > 0 ? ` ${sentence(`Others are published as well: ${others.join("; ")}`)}` : "";
	return verdict("Published", `Peers find every record of status.dnsRecords.${besides}`);
}

/** Compares what should be with what DNS said. Questions without an answer say nothing. */
class Look {
	readonly #answers: DnsAnswers;
	/** Records that should be, by the question whose answer has them. */
	readonly #wanted: ReadonlyMap<string, readonly DnsRecord[]>;

	constructor(records: readonly DnsRecord[], answers: DnsAnswers) {
		this.#answers = answers;
		this.#wanted = Map.groupBy(records, questionKey);
	}

	missing(): string[] {
		const services = this.#of("SRV").flatMap(({ name, wanted, found }) =>
			found.length === 0
				? [sentence(`${name} has no SRV record; it should be ${wanted.map(valueOf).join(" and ")}`)]
				: [],
		);
		const hosts = this.#targets().flatMap((target) => {
			const addresses = [this.#found("A", target), this.#found("AAAA", target)];
			if (addresses.some((list) => list === undefined || list.length > 0)) return [];
			const wanted = this.#addresses(target);
			return [`${target} has no address${wanted.length > 0 ? `; it should be ${wanted.join(" and ")}` : ""}.`];
		});
		return [...services, ...hosts];
	}

	drifted(): string[] {
		const services = this.#of("SRV").flatMap(({ name, wanted, found }) => {
			if (found.length === 0 || wanted.every(({ value }) => found.includes(value))) return [];
			return [sentence(`${name} is ${found.join(" and ")}; it should be ${wanted.map(valueOf).join(" and ")}`)];
		});
		const hosts = this.#targets().flatMap((target) => {
			const found = [...(this.#found("A", target) ?? []), ...(this.#found("AAAA", target) ?? [])];
			const wanted = this.#addresses(target);
			// A private address is translated on its way out: which one peers see is not known here.
			if (found.length === 0 || wanted.every((address) => found.includes(address) || isPrivate(address))) return [];
			return [`${target} is ${found.join(" and ")}; it should be ${wanted.join(" and ")}.`];
		});
		return [...services, ...hosts];
	}

	/**
	 * Records that DNS has besides ours: of other clusters (R14), or left over, such as the address that a load balancer gave
	 * before. Peers go there too.
	 */
	others(): string[] {
		const services = this.#of("SRV").flatMap(({ name, wanted, found }) =>
			found.filter((value) => !wanted.some((record) => record.value === value)).map((value) => `${name} ${value}`),
		);
		const hosts = this.#targets().flatMap((target) => {
			const wanted = this.#addresses(target);
			// Where none is known, or one is translated on its way out, any may be ours.
			if (wanted.length === 0 || wanted.some(isPrivate)) return [];
			const found = [...(this.#found("A", target) ?? []), ...(this.#found("AAAA", target) ?? [])];
			return found.filter((address) => !wanted.includes(address)).map((address) => `${target} ${address}`);
		});
		return [...services, ...hosts];
	}

	/** Each SRV name that was answered for. */
	#of(type: "SRV") {
		return [...this.#wanted].flatMap(([key, wanted]) => {
			const answer = this.#answers.get(key);
			const [first] = wanted;
			if (first?.type !== type || !answer || "failure" in answer) return [];
			return [{ name: first.name, wanted, found: answer.records }];
		});
	}

	#targets(): readonly string[] {
		const records = [...this.#wanted.values()].flat();
		return [...new Set(records.flatMap((record) => (record.type === "SRV" ? [record.target] : [])))];
	}

	/** Undefined where DNS did not answer. */
	#found(type: "A" | "AAAA", name: string): readonly string[] | undefined {
		const answer = this.#answers.get(questionKey({ type, name }));
		return answer && "records" in answer ? answer.records : undefined;
	}

	#addresses(name: string): readonly string[] {
		const types = ["A", "AAAA"] as const;
		return types.flatMap((type) => this.#wanted.get(questionKey({ type, name })) ?? []).map(valueOf);
	}
}

/** A name with a dot at its end ends a sentence as well. */
function sentence(text: string): string {
	return text.endsWith(".") ? text : `${text}.`;
}

function valueOf({ value }: DnsRecord): string {
	return value;
}

/** RFC 1918, RFC 6598, RFC 4193. */
function isPrivate(address: string): boolean {
	if (!isIPv4(address)) return /^f[cd]/i.test(address);
	const [first = 0, second = 0] = address.split(".").map(Number);
	if (first === 172) return second >= 16 && second < 32;
	return first === 10 || (first === 192 && second === 168) || (first === 100 && second >= 64 && second < 128);
}
