"""Style of the page, on top of that of dataset reports."""

from vega_core.style import CSS as _HOUSE

CSS = (
    _HOUSE
    + """
h2 { break-after: avoid; }
h3 { margin-top: 10px; }
small { display: block; color: var(--faint); font-size: 11px; white-space: nowrap; }
th small { font-weight: 400; }
td { overflow-wrap: break-word; }
svg { max-width: 100%; height: auto; display: block; }
svg text { font-size: 12px; fill: var(--ink); }
svg text.faint { fill: var(--faint); }
figure { margin: 4px 0 8px; break-inside: avoid; }
figcaption { color: var(--faint); font-size: 12px; }
.verdict { background: #fff; color: var(--ink); border: 1px solid var(--line);
           border-left: 5px solid var(--faint); border-radius: 3px; display: block; }
.verdict.found { border-left-color: var(--good); }
.verdict p { margin: 2px 0; }
.verdict p.less { color: var(--ink); }
.verdict .less { font-weight: 400; color: var(--faint); }
.success-table table { font-size: 15px; }
.success-table td { padding: 7px 8px; }
.success-table.narrow table { width: auto; min-width: min(100%, 440px); }
.success-table .n { text-align: center; font-weight: 600; }
.success-table .n small { font-weight: 400; }
.success-table tr.paper td.n { font-weight: 400; }
.side { display: flex; flex-wrap: wrap; gap: 0 48px; align-items: flex-start; }
.wide { margin: 8px 0 12px; }
th.group { text-align: center; border-bottom: 1px solid var(--line); }
th.group:empty { border: 0; }
tr.paper td { color: var(--faint); background: var(--field); font-size: 13px; }
tr.told td { font-weight: 600; }
tr.told small { font-weight: 400; }
.figures { display: grid; gap: 4px 28px;
           grid-template-columns: repeat(auto-fill, minmax(min(100%, 350px), 1fr)); }
.figures svg { width: 100%; max-width: 460px; }
.maps { display: flex; flex-wrap: wrap; gap: 0 20px; }
.marks { display: flex; flex-wrap: wrap; gap: 4px 12px; color: var(--faint); font-size: 12px;
         align-items: center; }
.marks i { display: inline-block; width: 15px; height: 15px; margin-right: 5px;
           border: 1px solid var(--line); vertical-align: middle; }
.marks b { display: inline-block; width: 15px; height: 15px; margin-right: 5px; color: #fff;
           border-radius: 8px; font: 600 10px/15px sans-serif; text-align: center; }
.marks svg { display: inline-block; vertical-align: middle; width: 15px; margin-right: 5px; }
.keep { break-inside: avoid; }
.lead { break-after: avoid; }
.dense td { padding: 2px 6px; font-size: 12px; }
.problems { border: 1px solid var(--warn); border-left-width: 5px; border-radius: 3px;
            padding: 6px 12px; margin: 12px 0; break-inside: avoid; }
.problems ul, ul.plain { margin: 4px 0; padding-left: 18px; }
.stills { display: grid; gap: 12px 20px;
          grid-template-columns: repeat(auto-fill, minmax(min(100%, 340px), 1fr)); }
.still { break-inside: avoid; border-top: 1px solid var(--line); padding-top: 6px; }
.still img { display: block; margin: 4px 0; max-width: 100%; border-radius: 3px; }
.still small { white-space: normal; }
footer { margin-top: 40px; border-top: 1px solid var(--line); color: var(--faint);
         font-size: 12px; padding-top: 8px; }
@media (max-width: 600px) {
  body { padding: 14px 12px 40px; }
  .success-table table { font-size: 13px; }
  .success-table :is(th, td):first-child { position: sticky; left: 0; background: #fff; }
  .success-table tr.paper td:first-child { background: var(--field); }
  .tile { min-width: 84px; padding: 5px 10px; }
}
@media print {
  @page { size: A4 portrait; margin: 12mm; }
  body { font-size: 10.5px; }
  h2 { margin-top: 14px; padding-top: 6px; }
  h3, .lead { break-after: avoid; }
  .wide { overflow: visible; }
  small { white-space: normal; font-size: 9px; }
  td, th { padding: 3px 4px; }
  th { white-space: normal; }
  .tile { padding: 3px 10px; }
  .success-table table { font-size: 12px; }
  .success-table td { padding: 4px; }
  .dense table { font-size: 9px; }
  .dense td { padding: 1px 4px; font-size: 9px; }
  /* Chromium keeps headings with what follows them only outside of grids. */
  .figures, .stills { display: block; }
  .figures > figure { display: inline-block; width: 47%; margin-right: 2%;
                      vertical-align: top; }
  .still { display: inline-block; width: 32%; margin-right: 1%; vertical-align: top; }
  .maps { display: block; }
  .maps > figure { display: inline-block; vertical-align: top; margin-right: 16px; }
  footer { margin-top: 12px; }
}
"""
)
