import { stringify } from "yaml";
import { oneOf } from "./arguments.ts";

/** Forms for programs, which every command that prints data takes. */
export const dataForms = ["json", "yaml"] as const;

export type DataForm = (typeof dataForms)[number];

/** What `-o` asks for; undefined: text for people. */
export function dataForm(command: string, output: string | undefined): DataForm | undefined {
	return output === undefined ? undefined : oneOf(command, "-o", output, dataForms);
}

export function isDataForm(form: string): form is DataForm {
	return dataForms.some((known) => known === form);
}

/** One document, without a line's end at its end. */
export function dataText(form: DataForm, value: unknown): string {
	if (form === "json") return JSON.stringify(value, undefined, 2);
	// Lines as they are, and no anchors: whatever reads it need not know more than the plainest YAML.
	return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false }).trimEnd();
}
