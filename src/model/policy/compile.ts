import { createHash } from "node:crypto";
import { defaults } from "../../api/defaults.ts";
import { type FederationPolicySpec, mostPolicyDomains } from "../../api/federation-policy.ts";
import { canonicalJson } from "../canonical-json.ts";
import type { PolicyIntent, PolicyList } from "../intent.ts";
import type { Problem } from "../problem.ts";
import { quoted } from "../quoted.ts";
import { readPattern } from "./domain.ts";
import { directionsNamed, mostListCharacters, mostPolicyLists, writeLists } from "./lists.ts";
import type { Exception, PolicyRules } from "./rules.ts";

/** A policy that can be enforced. */
export interface CompiledPolicy {
	readonly rules: PolicyRules;
	readonly intent: PolicyIntent;
	/** Texts of `intent.lists`. */
	readonly lists: readonly PolicyList[];
}

export type Compilation =
	| { readonly ok: true; readonly policy: CompiledPolicy }
	| { readonly ok: false; readonly problems: readonly Problem[] };

/** The part of a ConfigMap that lists are read from. */
export interface ListSource {
	readonly data?: Readonly<Record<string, string>> | undefined;
	readonly binaryData?: Readonly<Record<string, string>> | undefined;
}

/** Lines of a list, or entries of `exceptions`, that are told at most. */
const mostTold = 10;

/**
 * Makes of a policy what gateways enforce, or says what is wrong with it. Where a domain stands several times,
 * `exceptions` counts, and of several lists the directions come together.
 *
 * @param configMaps those that `exceptionsFrom` names and that exist
 */
export function compilePolicy(spec: FederationPolicySpec, configMaps: ReadonlyMap<string, ListSource>): Compilation {
	const listed = new Map<string, Exception>();
	const problems: Problem[] = [];
	for (const [index, { configMapRef, direction }] of (spec.exceptionsFrom ?? []).entries()) {
		const field = `spec.exceptionsFrom[${index}].configMapRef`;
		const configMap = configMaps.get(configMapRef.name);
		if (!configMap) {
			const message = `ConfigMap "${configMapRef.name}" does not exist in this namespace. Create it, with one domain a line.`;
			problems.push({ reason: "ConfigMapNotFound", field, message });
			continue;
		}
		const source = `ConfigMap ${configMapRef.name}`;
		const { patterns, bad } = readList(configMap);
		if (bad.length > 0) problems.push({ reason: "InvalidExceptions", field, message: `${source}: ${tellBad(bad)}` });
		const directions = directionsNamed(direction ?? defaults.policyDirection);
		for (const pattern of patterns) {
			const earlier = listed.get(pattern);
			listed.set(
				pattern,
				earlier ? { ...earlier, directions: directions.union(earlier.directions) } : { directions, source },
			);
		}
	}
	const own = ownExceptions(spec.exceptions);
	problems.push(...own.problems);
	const exceptions = new Map([...listed, ...own.exceptions]);
	if (exceptions.size > mostPolicyDomains) {
		const message = `has ${exceptions.size} domains with those of exceptions, and ${mostPolicyDomains} is the most. Use wildcards.`;
		problems.push({ reason: "TooManyExceptions", field: "spec.exceptionsFrom", message });
	}
	if (problems.length > 0) return { ok: false, problems };
	const enforcement = spec.enforcement ?? defaults.policyEnforcement;
	const policy = policyOf({ default: spec.default, exceptions }, enforcement);
	if (policy.lists.length > mostPolicyLists) {
		const message = `has more than ${mostPolicyLists * mostListCharacters} characters with those of exceptions. Use wildcards.`;
		return { ok: false, problems: [{ reason: "TooManyExceptions", field: "spec.exceptionsFrom", message }] };
	}
	return { ok: true, policy };
}

/** The policy with these rules. */
export function policyOf(rules: PolicyRules, enforcement: PolicyIntent["enforcement"] = "Enforce"): CompiledPolicy {
	const lists = writeLists(rules.exceptions).map((text) => ({ digest: sha256(text), text }));
	const digests = lists.map(({ digest }) => digest);
	const intent = { default: rules.default, enforcement, exceptions: rules.exceptions.size, lists: digests };
	return { rules, intent, lists };
}

/** Names what gateways enforce: 10 hexadecimal digits. Each reports what it enforces by this name. */
export function policyDigest(policy: PolicyIntent): string {
	return sha256(canonicalJson(policy)).slice(0, 10);
}

function sha256(text: string): string {
	return createHash("sha256").update(text).digest("hex");
}

/** The exceptions that stand in the policy itself, by their domains in the form that is compared. */
function ownExceptions(written: FederationPolicySpec["exceptions"] = []): {
	readonly exceptions: ReadonlyMap<string, Exception>;
	readonly problems: readonly Problem[];
} {
	const exceptions = new Map<string, Exception>();
	const firsts = new Map<string, string>();
	const problems: Problem[] = [];
	for (const [index, { domain, direction }] of written.entries()) {
		const refuse = (message: string) =>
			problems.push({ reason: "InvalidExceptions", field: `spec.exceptions[${index}].domain`, message });
		const pattern = readPattern(domain);
		const first = firsts.get(pattern ?? "");
		if (pattern === undefined) {
			refuse(`${quoted(domain)} is no domain that DNS can have: a label has no xn-- form of 63 characters or less.`);
		} else if (first !== undefined) {
			refuse(`${quoted(domain)} is the same domain as ${first}: keep one (direction Both for both directions).`);
		} else {
			firsts.set(pattern, `${quoted(domain)} in spec.exceptions[${index}]`);
			const directions = directionsNamed(direction ?? defaults.policyDirection);
			exceptions.set(pattern, { directions, source: "spec.exceptions" });
		}
	}
	return { exceptions, problems: withoutTooMany(problems) };
}

function withoutTooMany(problems: readonly Problem[]): readonly Problem[] {
	const more = problems.length - mostTold;
	if (more <= 0) return problems;
	const rest: Problem = {
		reason: "InvalidExceptions",
		field: "spec.exceptions",
		message: `and ${more} more of the kind.`,
	};
	return [...problems.slice(0, mostTold), rest];
}

interface BadLine {
	readonly key: string;
	readonly line: number;
	readonly text: string;
}

/** Reads the texts of a ConfigMap: one domain a line, what follows a # is a comment. */
function readList({ data = {}, binaryData = {} }: ListSource): {
	readonly patterns: readonly string[];
	readonly bad: readonly BadLine[];
} {
	const patterns: string[] = [];
	const bad: BadLine[] = Object.keys(binaryData).map((key) => ({ key, line: 1, text: "(no text)" }));
	for (const key of Object.keys(data).toSorted()) {
		for (const [index, line] of (data[key] ?? "").split("\n").entries()) {
			const text = line.replace(/#.*/, "").trim();
			if (text === "") continue;
			const pattern = readPattern(text);
			if (pattern === undefined) bad.push({ key, line: index + 1, text });
			else patterns.push(pattern);
		}
	}
	return { patterns, bad };
}

function tellBad(bad: readonly BadLine[]): string {
	const told = bad.slice(0, mostTold).map(({ key, line, text }) => `${key} line ${line} ${quoted(text)}`);
	const others = bad.length > mostTold ? ` and ${bad.length - mostTold} more` : "";
	return `${told.join(", ")}${others}: each line must be a domain such as example.com, or *.example.com; no address.`;
}
