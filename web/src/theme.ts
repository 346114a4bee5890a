import {
  ActionIcon,
  Badge,
  Button,
  createTheme,
  type MantineColorsTuple,
  Modal,
  Popover,
  SegmentedControl,
  Select,
  Table,
  TextInput,
  Tooltip,
} from '@mantine/core';

const port: MantineColorsTuple = [
  '#e9f5f8', '#d3e6eb', '#a5ccd6', '#75b1c1', '#4f9bae', '#378da3', '#297f96', '#1c6a7f', '#125a6d', '#004a5b',
];

// dark replaces Mantine's neutral greys, from text down to the deepest ground.
const dark: MantineColorsTuple = [
  '#e4e7ec', '#c3cad4', '#9aa4b2', '#7d8796', '#39414d', '#2b313b', '#20252d', '#12151a', '#0d1014', '#080a0d',
];

export const theme = createTheme({
  primaryColor: 'port',
  primaryShade: 7,
  autoContrast: true,
  colors: { port, dark },
  fontFamily: "'IBM Plex Sans Variable', system-ui, sans-serif",
  fontFamilyMonospace: "'IBM Plex Mono', ui-monospace, monospace",
  fontSizes: { xs: '12px', sm: '13px', md: '14px', lg: '16px', xl: '19px' },
  defaultRadius: 'sm',
  headings: { fontWeight: '600', sizes: { h1: { fontSize: '19px' }, h2: { fontSize: '14px' } } },
  components: {
    Button: Button.extend({ defaultProps: { size: 'xs' }, styles: { root: { fontWeight: 500 } } }),
    ActionIcon: ActionIcon.extend({ defaultProps: { variant: 'subtle', color: 'gray' } }),
    TextInput: TextInput.extend({ defaultProps: { size: 'xs' } }),
    Select: Select.extend({ defaultProps: { size: 'xs' } }),
    Tooltip: Tooltip.extend({ defaultProps: { openDelay: 400 } }),
    Badge: Badge.extend({ defaultProps: { variant: 'light', size: 'sm', tt: 'none', radius: 'sm' } }),
    Modal: Modal.extend({
      // A dialog's head is no banner of the page.
      defaultProps: { overlayProps: { backgroundOpacity: 0.35 }, attributes: { header: { role: 'presentation' } } },
      styles: { title: { fontSize: 15, fontWeight: 600 } },
    }),
    SegmentedControl: SegmentedControl.extend({ styles: { label: { fontWeight: 500 } } }),
    Popover: Popover.extend({ defaultProps: { shadow: 'md' } }),
    Table: Table.extend({ defaultProps: { verticalSpacing: 7, horizontalSpacing: 'md', highlightOnHover: true } }),
  },
});
