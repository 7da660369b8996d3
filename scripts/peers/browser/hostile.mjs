// Text that would do harm if it were anything but text.

/** Markup that runs a script wherever it is taken for markup. */
export const MARKUP = [
  `<script>hit("script")</script>`,
  `<img src=x onerror=hit("img")>`,
  `<svg onload=hit("svg")><animate onbegin=hit("animate")>`,
  `"><iframe srcdoc="<script>parent.hit('frame')</script>"></iframe>`,
  `' onmouseover=hit('attribute') x='`,
  `</title></textarea></style></script><script>hit("end")</script>`,
  `{{constructor.constructor("hit('template')")()}}`,
  `javascript:hit("url")`,
  `</text></svg><script>hit("svg end")</script>`,
];

/** What is invisible, or turns text round, or would end a line. */
export const CONTROLS = `a\u0000b\u0007c\u001b[2Jd\r\ne\u202ef\u2028g\u200bh\u0085i`;

/** All in one line. */
export const WORST = `${MARKUP.join(" ")} ${CONTROLS}`;
