"""What people call a language, and where a sentence means one."""

from __future__ import annotations

import pytest

from adapters.languages import (
    ending_of,
    language_meant,
    language_named,
    language_of_code,
    language_of_file,
    languages_like,
)

# What people ask snippets in; each must be known by its own name.
KNOWN = """
    Ada Assembly Awk Bash C C# C++ Clojure COBOL CSS CUDA Dart Dockerfile Elixir Elm Erlang F# Fortran Go GraphQL Groovy
    Haskell HTML Java JavaScript jq Julia Kotlin LaTeX Lisp Lua Makefile MATLAB Nim Nix Objective-C OCaml Pascal Perl
    PHP PowerShell Prolog Python R Ruby Rust Scala Scheme Sed Solidity SQL Swift Tcl Terraform TypeScript VBA Verilog
    VHDL YAML Zig Zsh
"""


@pytest.mark.parametrize("name", KNOWN.split())
def test_a_common_language_is_known_by_its_name(name: str) -> None:
    """In any case, and by the tag of its code block, and it is offered to who types it."""
    language = language_named(name)
    assert language is not None
    assert language.name == name
    assert language_named(name.upper()) == language_named(name.lower()) == language_named(language.tag) == language
    assert languages_like(name)[0] == language


@pytest.mark.parametrize(
    ("word", "tag"),
    [
        ("py", "python"), ("python3", "python"), ("c++", "cpp"), ("C#", "csharp"), ("cs", "csharp"),
        ("js", "javascript"),        ("ts", "typescript"), ("golang", "go"), ("kt", "kotlin"), ("rb", "ruby"),
        ("rs", "rust"), ("sh", "bash"),
        ("shell", "bash"), ("ps1", "powershell"), ("tex", "latex"), ("docker", "dockerfile"), (" hs ", "haskell"),
        ("objective-c", "objectivec"), ("tf", "terraform"),
    ],
)  # fmt: skip
def test_short_names(word: str, tag: str) -> None:
    """As people type them."""
    language = language_named(word)
    assert language is not None
    assert language.tag == tag


@pytest.mark.parametrize("word", ["", "text", "txt", "please", "csv", "read"])
def test_other_words_are_no_languages(word: str) -> None:
    """Nor is plain text."""
    assert language_named(word) is None


@pytest.mark.parametrize(
    ("sentence", "tag", "rest"),
    [
        ("python read a CSV", "python", "read a CSV"),
        ("C++: sort", "cpp", "sort"),
        ("ts\ndebounce", "typescript", "debounce"),
        ("python", "python", ""),
        ("go sort a slice", "go", "sort a slice"),
        ("go for loop over a map", "go", "for loop over a map"),
        ("Swift, sort", "swift", "sort"),
        ("make: build all", "makefile", "build all"),
        ("r plot two columns", "r", "plot two columns"),
        ("read a CSV in python", "python", "read a CSV in python"),
        ("parse YAML in Go, fast", "go", "parse YAML in Go, fast"),
        ("in c.", "c", "in c."),
        ("sort using rust", "rust", "sort using rust"),
    ],
)
def test_a_sentence_names_its_language(sentence: str, tag: str, rest: str) -> None:
    """First, and then it is no part of the sentence; or later."""
    language, words = language_meant(sentence)
    assert language is not None
    assert (language.tag, words) == (tag, rest)


@pytest.mark.parametrize(
    "sentence",
    [
        "", "read a CSV", "make a list", "go through the lines", "Go to the next page", "swift way to sort",
        "batch rename files", "docker compose file for redis", "react component", "print it as JSON in yaml",
        "text to speech", "email address check", "console menu", "less than ten lines",
    ],
)  # fmt: skip
def test_an_ordinary_word_is_no_language(sentence: str) -> None:
    """Though it is some language's name, and the sentence stays whole."""
    assert language_meant(sentence) == (None, sentence)


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("a.py", "python"), ("src/a.PY", "python"), ("C:\\src\\a.ts", "typescript"), ("a.h", "c"), ("a.pl", "perl"),
        ("a.R", "r"), ("a.sql", "sql"), ("a.fs", "fsharp"), ("Dockerfile", "dockerfile"), ("Makefile", "makefile"),
        ("a.tsx", "tsx"),
        ("a.txt", None), ("notes", None), ("go.mod", None), ("a.py.orig", None), ("", None),
    ],
)  # fmt: skip
def test_a_files_name_tells_its_language(name: str, tag: str | None) -> None:
    """By its ending, or as a whole."""
    language = language_of_file(name)
    assert (language.tag if language else None) == tag


@pytest.mark.parametrize(
    ("code", "tag"),
    [
        ("#!/usr/bin/env python3\nx", "python"), ("#!/bin/sh\n", "bash"), ("#!/usr/bin/env node\n", "javascript"),
        ("<?php echo 1;", "php"), ("<!DOCTYPE html>\n<p>", "html"), ("<?xml version='1.0'?>", "xml"),
        ("import java.util.List;", None), ("#![feature(x)]", None), ("def f(x):\n    return x", None), ("", None),
    ],
)  # fmt: skip
def test_only_a_first_line_is_sure(code: str, tag: str | None) -> None:
    """Nothing is guessed."""
    language = language_of_code(code)
    assert (language.tag if language else None) == tag


def test_common_languages_are_offered_first() -> None:
    """Before anything is typed only they are; then those that begin so, those that hold it, and the rest."""
    assert [language.name for language in languages_like("")][:4] == ["Python", "JavaScript", "TypeScript", "Java"]
    assert len(languages_like("")) == 25
    names = [language.name for language in languages_like("script")]
    assert names[:3] == ["JavaScript", "TypeScript", "ActionScript"]
    assert [language.name for language in languages_like("ja")][:2] == ["JavaScript", "Java"]
    assert languages_like("zzzz") == []
    assert len(languages_like("a", limit=3)) == 3


@pytest.mark.parametrize(
    ("tag", "ending"),
    [
        ("python", ".py"), ("C++", ".cpp"), ("csharp", ".cs"), ("r", ".r"), ("fortran", ".f90"), ("lisp", ".lisp"),
        ("makefile", ".mk"), ("sql", ".sql"), ("jq", ".jq"), ("zsh", ".zsh"), ("html", ".html"), ("console", ".txt"),
        ("", ".txt"), ("no such", ".txt"),
    ],
)  # fmt: skip
def test_a_file_of_code_ends_like_its_language(tag: str, ending: str) -> None:
    """Plain text where there is none."""
    assert ending_of(tag) == ending
