"""The question that a command for a snippet of code asks."""

from __future__ import annotations

# What people call a language: what the model calls it.
_NAMES = """
    Ada Assembly Awk Bash C C# C++ Clojure COBOL CSS CUDA Dart Dockerfile Elixir Elm Erlang F# Fortran Go GraphQL Groovy
    Haskell HTML Java JavaScript jq Julia Kotlin LaTeX Lisp Lua Makefile MATLAB Nim Nix Objective-C OCaml Pascal Perl
    PHP PowerShell Prolog Python R Ruby Rust Scala Scheme Sed Solidity SQL Swift TCL Terraform TypeScript VBA Verilog
    VHDL YAML Zig Zsh
"""
_SHORT = {"js": "JavaScript", "kt": "Kotlin", "py": "Python", "rb": "Ruby", "rs": "Rust", "ts": "TypeScript"}
_ALIASES = {"cpp": "C++", "csharp": "C#", "golang": "Go", "ps1": "PowerShell", "sh": "Bash", "shell": "Bash"}
_LANGUAGES = {name.lower(): name for name in _NAMES.split()} | _SHORT | _ALIASES

LANGUAGES = tuple(_NAMES.split())


def code_question(asked: str) -> str:
    """What `/code` asks the model; "" when it does not say what to write."""
    first, *rest = asked.split(maxsplit=1) or [""]
    language = _LANGUAGES.get(first.lower().rstrip(":,"))
    what = "".join(rest) if language else asked
    if not what:
        return ""
    return (
        f"Write a code snippet{f' in {language}' if language else ''}, with only a short explanation below it: {what}"
    )
