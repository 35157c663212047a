import { z } from "zod";
import { condition } from "../api/conditions.ts";
import type { Observed } from "../kubernetes/object.ts";

/** A condition of a resource that names a federation, by its kind. */
export type AttachedCondition = Pick<z.infer<typeof condition>, "type" | "status" | "reason"> & {
	readonly kind: string;
};

const withConditions = z.looseObject({ status: z.looseObject({ conditions: z.array(condition) }) });

/** Conditions of resources that name a federation, as their statuses have them. */
export function attachedConditions(objects: readonly Observed[]): readonly AttachedCondition[] {
	return objects.flatMap((object) => {
		const conditions = withConditions.safeParse(object).data?.status.conditions ?? [];
		return conditions.map(({ type, status, reason }) => ({ kind: object.kind, type, status, reason }));
	});
}
