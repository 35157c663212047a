import { z } from "zod";

/** One step of a check, as deploy/gateway/modules/xmppfed_check.lua writes it: a line of JSON. */
export const checkStep = z.looseObject({
	step: z.string(),
	result: z.string(),
	/** Milliseconds. */
	ms: z.number().catch(0),
	detail: z.string().optional().catch(undefined),
	cause: z.string().optional().catch(undefined),
});

export type CheckStep = z.infer<typeof checkStep>;

/** A line of a check's output; undefined for what is none of a step. */
export function readStep(line: string): CheckStep | undefined {
	try {
		return checkStep.safeParse(JSON.parse(line)).data;
	} catch {
		return undefined;
	}
}
