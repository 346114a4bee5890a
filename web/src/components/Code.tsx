import json from 'highlight.js/lib/languages/json';
import pgsql from 'highlight.js/lib/languages/pgsql';
import sql from 'highlight.js/lib/languages/sql';
import { createLowlight } from 'lowlight';
import { type ReactNode, useMemo } from 'react';
import type { Language } from '../format/language';
import classes from './Code.module.css';

const highlighter = createLowlight({ json, pgsql, sql });

// HIGHLIGHT_MAX bounds what is coloured, in characters: more would freeze the page.
const HIGHLIGHT_MAX = 50_000;

type Nodes = ReturnType<typeof highlighter.highlight>['children'];

// Code shows text with its syntax coloured. It builds React elements, never HTML: the text comes from anybody.
export function Code({ text, language }: { text: string; language: Language }) {
  const content = useMemo(
    () => (language === 'text' || text.length > HIGHLIGHT_MAX ? text : render(highlighter.highlight(language, text).children)),
    [text, language],
  );
  return (
    <pre className={classes.code}>
      <code>{content}</code>
    </pre>
  );
}

function render(nodes: Nodes): ReactNode[] {
  return nodes.map((node, i) => {
    if (node.type === 'text') return node.value;
    if (node.type !== 'element') return null;
    const names = node.properties.className;
    return (
      <span key={i} className={Array.isArray(names) ? names.join(' ') : undefined}>
        {render(node.children)}
      </span>
    );
  });
}
