import type { Kubectl } from "../../../deploy/demo/kubectl.ts";

/** What pods have written, those that are gone as well: the kubelet forgets them. */
export class PodLogs {
	readonly #kubectl: Kubectl;
	readonly #namespace: string;
	/** What those wrote that have ended, by pod. */
	readonly #ended = new Map<string, string>();
	readonly #following = new Set<string>();

	constructor(kubectl: Kubectl, namespace: string) {
		this.#kubectl = kubectl;
		this.#namespace = namespace;
	}

	/** Keeps what a pod writes until it ends. To be called once its containers run; again does no harm. */
	follow(pod: string): void {
		if (this.#following.has(pod)) return;
		this.#following.add(pod);
		const follow = ["logs", "-f", pod, "-n", this.#namespace, "--all-containers", "--prefix", "--since=1s"];
		this.#kubectl.run(follow).then(
			(text) => this.#ended.set(pod, text),
			// The cluster went before the pod did.
			() => {},
		);
	}

	/** Forgets the pods that have ended. */
	forget(): void {
		for (const pod of this.#ended.keys()) this.#following.delete(pod);
		this.#ended.clear();
	}

	/** The last lines of every pod that runs, or has ended and was not forgotten. */
	async tail(lines: number): Promise<string> {
		const running = [...this.#following].filter((pod) => !this.#ended.has(pod));
		const now = await Promise.all(
			running.map(async (pod): Promise<[string, string]> => {
				const command = ["logs", pod, "-n", this.#namespace, "--all-containers", "--prefix", `--tail=${lines}`];
				return [pod, await this.#kubectl.run(command).catch(String)];
			}),
		);
		return [...this.#ended, ...now].map(([pod, text]) => `${pod}:\n${last(text, lines)}`).join("\n");
	}
}

function last(text: string, lines: number): string {
	return text.trimEnd().split("\n").slice(-lines).join("\n");
}
