import { causeText } from "../gateway/failure-causes.ts";

/** What causes mean and what to do about each, each cause once; empty without any that is known. Pure. */
export function remediesText(causes: readonly (string | undefined)[]): string {
	return [...new Set(causes)]
		.flatMap((cause = "") => {
			const text = causeText(cause);
			return text ? [`${cause}: ${text.meaning}\n  ${text.remedy}`] : [];
		})
		.join("\n");
}
