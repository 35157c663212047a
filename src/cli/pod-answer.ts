import type { z } from "zod";
import { podLayout } from "../gateway/layout.ts";
import type { PodAccess } from "../kubernetes/pod-access.ts";
import { explain } from "./failure.ts";
import type { GatewayPod } from "./gateway-pods.ts";
import type { Paint } from "./terminal.ts";

/** What one pod said, or why it said nothing. */
export type Answer<Status> = { readonly pod: GatewayPod } & (
	| { readonly status: Status }
	| { readonly problem: string }
);

/** ms for what one pod says. */
const timeout = 15_000;

/** What the federation connection manager of a pod says of itself. @param query of its /status, such as `?peer=a.example` */
export async function askPod<Status>(
	pods: PodAccess,
	pod: GatewayPod,
	schema: z.ZodType<Status>,
	query = "",
): Promise<Answer<Status>> {
	if (pod.absence !== undefined) return { pod, problem: pod.absence };
	try {
		const text = await pods.get(pod.namespace, pod.name, podLayout.federationHttpPort, `/status${query}`, timeout);
		return { pod, status: schema.parse(JSON.parse(text)) };
	} catch (error) {
		return { pod, problem: explain(error) };
	}
}

/** Whether there are pods, and none of them could be asked. */
export function areAllUnread(answers: readonly Answer<unknown>[]): boolean {
	return answers.length > 0 && answers.every((answer) => "problem" in answer);
}

/** A line for each pod that could not be asked. */
export function problemsText(answers: readonly Answer<unknown>[], paint: Paint): string {
	return answers
		.flatMap((answer) =>
			"problem" in answer
				? [`${paint("yellow", `node ${answer.pod.node}`)} (pod ${answer.pod.name}): ${answer.problem}`]
				: [],
		)
		.join("\n");
}

/** A part of a report under its title; nothing where there is nothing to tell. */
export function section(title: string, text: string, paint: Paint): string {
	return text === "" ? "" : `${paint("bold", title)}\n${text}`;
}
