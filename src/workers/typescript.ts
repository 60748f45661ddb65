// Compiles TypeScript, and JavaScript modules that use names of CommonJS, to JavaScript that every supported Node runs.
// Each statement keeps its line, so stack traces are right without source maps. Babel takes long to load: this file is
// bundled with it and loaded only for text that the cache does not have.
import { type NodePath, type PluginObj, transformSync, type types } from '@babel/core';
import decorators from '@babel/plugin-proposal-decorators';
import using from '@babel/plugin-transform-explicit-resource-management';
import typescript from '@babel/plugin-transform-typescript';
import parameterDecorators from 'babel-plugin-parameter-decorator';
import decoratorMetadata from 'babel-plugin-transform-typescript-metadata';

export type Format = 'module' | 'commonjs';

export interface Compiled {
  readonly format: Format;
  readonly code: string;
}

export interface CompileOptions {
  readonly typescript: boolean;
  /** The format where the text itself does not tell. */
  readonly otherwise: Format;
  readonly experimentalDecorators: boolean;
  readonly emitDecoratorMetadata: boolean;
}

/** Throws a SyntaxError whose stack begins with file and line. */
export function compile(file: string, text: string, options: CompileOptions): Compiled {
  const seen: Seen = { isModule: false, isCommonJs: false };
  const legacy = options.experimentalDecorators;
  const decorating = legacy ? { legacy } : { version: '2023-11' };
  const plugins = options.typescript
    ? [
        [formatOf, { seen }],
        ...(legacy && options.emitDecoratorMetadata ? [decoratorMetadata] : []),
        ...(legacy ? [parameterDecorators] : []),
        [typescript, { allowDeclareFields: true }],
        [decorators, decorating],
      ]
    : [[formatOf, { seen }]];
  const typed = babel(file, text, plugins);
  const format = formatOfText(seen, options.otherwise);
  // After the types are gone: both passes at once lose enums beside `using`.
  const code = options.typescript && /\busing\b/.test(typed) ? babel(file, typed, [using]) : typed;
  if (format === 'commonjs' || !COMMONJS_NAME.test(code)) return { format, code };
  return { format, code: babel(file, code, [commonJsNames]) };
}

const COMMONJS_NAME = /\b(?:require|__dirname|__filename)\b/;

interface Seen {
  isModule: boolean;
  isCommonJs: boolean;
}

const formatOfText = (seen: Seen, otherwise: Format): Format =>
  seen.isModule ? 'module' : seen.isCommonJs ? 'commonjs' : otherwise;

function babel(file: string, text: string, plugins: readonly unknown[]): string {
  try {
    const made = transformSync(text, {
      filename: file,
      cwd: '/',
      babelrc: false,
      configFile: false,
      browserslistConfigFile: false,
      compact: false,
      retainLines: true,
      // Between the links of a chain of calls a comment moves the next one by a line.
      comments: false,
      parserOpts: { allowReturnOutsideFunction: true, allowNewTargetOutsideFunction: true },
      plugins: plugins as NonNullable<Parameters<typeof transformSync>[1]>['plugins'],
    } as Parameters<typeof transformSync>[1]);
    return made?.code ?? '';
  } catch (error) {
    throw syntaxError(file, error);
  }
}

/** Babel's message begins with the path and goes on with a frame of code. */
function syntaxError(file: string, error: unknown): unknown {
  const { message, loc } = error as { message: string; loc?: { line: number } };
  if (!loc) return error;
  const [first = '', ...frame] = message.replace(`${file}: `, '').split('\n');
  const text = first.replace(/ \(\d+:\d+\)$/, '');
  const made = new SyntaxError(text);
  made.stack = `${file}:${loc.line}\n${frame.join('\n').trim()}\n\nSyntaxError: ${text}`;
  return made;
}

/** Notes what the text is, and writes `import x = require()` and `export =` as what they mean. */
function formatOf(
  { types: t }: { types: typeof types },
  { seen }: { readonly seen: Seen },
): PluginObj {
  const isType = (node: { importKind?: string | null; exportKind?: string | null }): boolean =>
    node.importKind === 'type' || node.exportKind === 'type';
  return {
    visitor: {
      Program: {
        enter(path) {
          for (const one of path.get('body')) {
            const { node } = one;
            if (t.isImportDeclaration(node) || t.isExportDeclaration(node)) {
              if (!isType(node)) seen.isModule = true;
              // The compiler of types would leave an `export {}` for it, which makes CommonJS a module.
              else if (t.isImportDeclaration(node)) one.remove();
            } else if (t.isTSExportAssignment(node)) {
              seen.isCommonJs = true;
              const exported = t.memberExpression(t.identifier('module'), t.identifier('exports'));
              const assignment = t.assignmentExpression('=', exported, node.expression);
              one.replaceWith(t.inherits(t.expressionStatement(assignment), node));
            } else if (t.isTSImportEqualsDeclaration(node)) requireInstead(t, one, node);
          }
          seen.isModule ||= awaitsAtTop(path);
          const names = ['module', 'exports', 'require'];
          seen.isCommonJs ||= namesNotDeclared(path, names).length > 0;
        },
      },
      MetaProperty({ node }) {
        seen.isModule ||= node.meta.name === 'import';
      },
    },
  };
}

function requireInstead(
  t: typeof types,
  path: NodePath,
  node: types.TSImportEqualsDeclaration,
): void {
  const { moduleReference: from } = node;
  if (!t.isTSExternalModuleReference(from) || node.importKind === 'type') return;
  const call = t.callExpression(t.identifier('require'), [from.expression]);
  const declared = t.variableDeclaration('const', [t.variableDeclarator(node.id, call)]);
  path.replaceWith(t.inherits(declared, node));
  path.scope.registerDeclaration(path as NodePath);
}

function awaitsAtTop(program: NodePath<types.Program>): boolean {
  let found = false;
  program.traverse({
    Function: (path) => path.skip(),
    AwaitExpression() {
      found = true;
    },
    ForOfStatement({ node }) {
      found ||= node.await;
    },
    VariableDeclaration({ node }) {
      found ||= node.kind === 'await using';
    },
  });
  return found;
}

/** Those of the names that the text uses and does not declare. Babel's types leave `globals` out. */
function namesNotDeclared({ scope }: NodePath, names: readonly string[]): readonly string[] {
  const globals: object = Reflect.get(scope, 'globals');
  return names.filter((name) => Object.hasOwn(globals, name));
}

/** `require`, `__filename` and `__dirname` in a module that does not declare them, on its first line. */
function commonJsNames({ template }: { template: (code: string) => () => unknown }): PluginObj {
  const made: Readonly<Record<string, string>> = {
    require: `const require = process.getBuiltinModule('node:module').createRequire(import.meta.url);`,
    __filename: 'const __filename = import.meta.filename;',
    __dirname: 'const __dirname = import.meta.dirname;',
  };
  return {
    visitor: {
      Program: {
        exit(path) {
          const missing = namesNotDeclared(path, Object.keys(made));
          const statements = missing.map((name) => template(made[name] ?? '')() as types.Statement);
          path.unshiftContainer('body', statements);
        },
      },
    },
  };
}
