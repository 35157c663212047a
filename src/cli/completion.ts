import { oneOf, parseArguments, positionals } from "./arguments.ts";
import type { Command } from "./command.ts";

/** Each hands the words to `__complete` (complete.ts), and its answer to the shell. */
const scripts = {
	bash: `_kubectl_xmppfed() {
	local answer directive
	answer=$(kubectl-xmppfed __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
	directive=\${answer##*:}
	COMPREPLY=()
	if [ "$directive" = 0 ]; then
		compopt -o default
		return
	fi
	mapfile -t COMPREPLY < <(printf '%s\\n' "$answer" | grep -v '^:')
}
complete -F _kubectl_xmppfed kubectl-xmppfed`,
	zsh: `#compdef kubectl-xmppfed
_kubectl_xmppfed() {
	local -a answer
	answer=("\${(@f)$(kubectl-xmppfed __complete "\${(@)words[2,$CURRENT]}" 2>/dev/null)}")
	if [[ $answer[-1] == :0 ]]; then
		_files
	else
		compadd -- "\${(@)answer[1,-2]}"
	fi
}
compdef _kubectl_xmppfed kubectl-xmppfed`,
	fish: `function __kubectl_xmppfed
	set -l words (commandline -opc) (commandline -ct)
	set -l answer (kubectl-xmppfed __complete $words[2..-1] 2>/dev/null)
	if test "$answer[-1]" = :0
		__fish_complete_path (commandline -ct)
	else
		printf '%s\\n' $answer | string match --invert ':*'
	end
end
complete --command kubectl-xmppfed --no-files --arguments '(__kubectl_xmppfed)'`,
	kubectl: `#!/bin/sh
exec kubectl-xmppfed __complete "$@"`,
} as const;
const shells = ["bash", "zsh", "fish", "kubectl"] as const;

const options = { help: { type: "boolean", short: "h" } } as const;

export const completion: Command = {
	name: "completion",
	summary: "completes command lines in bash, zsh, fish and in kubectl",
	help: `Writes what completes command lines.

Usage: kubectl xmppfed completion bash|zsh|fish|kubectl

  kubectl                for kubectl xmppfed, in every shell in which kubectl's own completion is set up: put it on the
                         PATH as an executable kubectl_complete-xmppfed
  bash, zsh, fish        for kubectl-xmppfed, as the program is called without kubectl
  -h, --help             this text`,
	examples: [
		"completion kubectl > /usr/local/bin/kubectl_complete-xmppfed",
		"completion bash > ~/.local/share/bash-completion/completions/kubectl-xmppfed",
	],
	options,
	takes: [shells],
	run: async (args, terminal) => {
		const { positionals: given } = parseArguments("completion", args, options);
		const [shell = ""] = positionals("completion", given, ["SHELL"], 1);
		await terminal.print(scripts[oneOf("completion", "SHELL", shell, shells)]);
		return 0;
	},
};

/** What kubectl runs, on the PATH as `kubectl_complete-xmppfed`. */
export const kubectlCompletion: string = scripts.kubectl;
