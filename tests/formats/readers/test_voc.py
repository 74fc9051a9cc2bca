"""Pascal VOC, and what tools call so."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from formats.genuine import cases, completed, differences
from formats.layouts import BLACK, ONE, TWO, Palette, areas, coloured, mask, names, picture, plant, told, voc

import flawsmith as fs
from flawsmith.core.errors import DataError
from flawsmith.formats.label_maps import palette_colour

XML = """<annotation><filename>c</filename><size><width>16</width><height>12</height></size>
<object><name>rolled-in_scale</name>{}<bndbox><xmin>2</xmin><ymin>2</ymin><xmax>6</xmax><ymax>6</ymax></bndbox></object></annotation>"""
RING = "<polygon><x1>2</x1><y1>2</y1><x2>8</x2><y2>2</y2><x3>8</x3><y3>6</y3><x4>2</x4><y4>6</y4></polygon>"


@pytest.mark.parametrize("case", cases("voc"))
def test_genuine(case: str, tmp_path: Path) -> None:
    root, expected = completed(case, tmp_path / "data")
    if case == "voc/neu_det_xml_boxes":
        with pytest.raises(DataError, match="labels without masks \\(box\\)"):
            fs.read(root)
    else:
        assert differences(fs.read(root), expected) == []


def test_palette_and_colours_without_colours_in_the_list(tmp_path: Path) -> None:
    data = fs.read(plant(tmp_path, voc()))
    a, b = "JPEGImages/a.jpg", "JPEGImages/b.jpg"
    assert areas(data) == {(a, "scratch"): 20, (a, "dent"): 6, (b, "scratch"): 20, (b, "dent"): 6}, "and no void"
    assert names(data, data.normals) == ["JPEGImages/c.jpg"] and names(data, data.held_out_normals) == ["JPEGImages/d.jpg"]


def test_the_palette_is_that_of_pascal_voc() -> None:
    known = {0: 0, 1: 0x800000, 2: 0x008000, 3: 0x808000, 4: 0x000080, 8: 0x400000, 20: 0x004080, 255: 0xE0E0C0}
    assert {index: palette_colour(index) for index in known} == known


def test_colours_and_folders_of_cvat(tmp_path: Path) -> None:
    tree: dict[str, Any] = {
        "labelmap.txt": "# label:color_rgb:parts:actions\ndent:50,183,250::\nbackground:0,0,0::\nscratch:250,50,83::\n",
        "ImageSets/Segmentation/default.txt": "left/1\nright/1\n",
    }
    for i, folder in enumerate(("left", "right")):
        indexes = mask(ONE, TWO, values=(1, 2)) if i == 0 else BLACK
        tree |= {f"JPEGImages/{folder}/1.jpg": picture(i)}
        tree |= {f"SegmentationClass/{folder}/1.png": coloured(indexes, (50, 183, 250), (250, 50, 83))}
    data = fs.read(plant(tmp_path, tree))
    assert areas(data) == {("JPEGImages/left/1.jpg", "dent"): 20, ("JPEGImages/left/1.jpg", "scratch"): 6}
    assert names(data, data.normals) == ["JPEGImages/right/1.jpg"]


def test_indexes_in_other_colours_and_in_greys_go_by_the_list(tmp_path: Path) -> None:
    indexes = mask(ONE, values=(2,))
    odd = Palette(indexes, ((0, 0, 0), (10, 20, 30), (40, 50, 60)))
    tree = {
        "class_names.txt": "__ignore__\n_background_\nscratch\ndent\n",
        "SegmentationClassPNG/a.png": odd,
        "SegmentationClassPNG/b.png": indexes,
    }
    tree |= {"SegmentationClassVisualization/a.jpg": picture(5), "JPEGImages/a.jpg": picture(1), "JPEGImages/b.jpg": picture(2)}
    assert areas(fs.read(plant(tmp_path, tree))) == {("JPEGImages/a.jpg", "dent"): 20, ("JPEGImages/b.jpg", "dent"): 20}


def test_without_a_list_classes_are_numbers(tmp_path: Path) -> None:
    tree = voc()
    del tree["labelmap.txt"]
    root = plant(tmp_path, {name: content for name, content in tree.items() if "/b." not in name})
    assert list(fs.read(root).defects) == ["1", "2"] and "no labelmap.txt" in told(root)
    assert list(fs.read(root, classes="scratch=1; ignore=2").defects) == ["scratch"]


def test_a_class_that_the_list_does_not_know_is_told(tmp_path: Path) -> None:
    strange = coloured(mask(ONE, values=(1,)), (1, 2, 3))
    said = told(plant(tmp_path, voc() | {"SegmentationClass/b.png": strange}))
    assert "SegmentationClass/b.png: has the value #010203, of which nothing says the class" in said
    root = plant(tmp_path / "lone", voc() | {"SegmentationClass/z.png": BLACK})
    assert "SegmentationClass/z.png: is a mask without a picture" in told(root)


def test_boxes_mark_nothing_and_make_no_normal(tmp_path: Path) -> None:
    root = plant(tmp_path, voc() | {"Annotations/c.xml": XML.format("")})
    data = fs.read(root)
    assert len(data.defects) == 2 and names(data, data.normals) == ["JPEGImages/d.jpg"], "there are no others"
    assert "box without a mask" in told(root)


def test_polygons_in_xml_are_masks(tmp_path: Path) -> None:
    root = plant(tmp_path, {"images/c.jpg": picture(1), "labels/c.xml": XML.format(RING)})
    assert areas(fs.read(root)) == {("images/c.jpg", "rolled-in_scale"): 24}


def web(*objects: str) -> str:
    """Return the XML of the LabelMe of the web, as CVAT and Datumaro write it."""
    size = "<imagesize><nrows>12</nrows><ncols>16</ncols></imagesize>"
    return f"<annotation><filename>a.png</filename><folder></folder>{size}{''.join(objects)}</annotation>"


def painted(name: str, mask: str, deleted: int = 0) -> str:
    return f"<object><name>{name}</name><deleted>{deleted}</deleted><segm><mask>{mask}</mask><box><xmin>1</xmin></box></segm></object>"


def test_mask_pictures_of_the_labelme_of_the_web(tmp_path: Path) -> None:
    ring = "".join(f"<pt><x>{x}</x><y>{y}</y></pt>" for x, y in ((2, 2), (6, 2), (6, 6), (2, 6)))
    drawn = f"<object><name>dent</name><deleted>0</deleted><polygon>{ring}</polygon></object>"
    tree = {
        "Images/train/a.png": picture(1),
        "Images/test/a.png": picture(2),
        "Masks/train/a_mask_0.png": mask(ONE),
        "Masks/test/a_mask_0.png": mask(TWO, values=(1,)),
        "Annotations/train/a.xml": web(painted("scratch", "a_mask_0.png"), drawn, painted("gone", "a_mask_9.png", deleted=1)),
        "Annotations/test/a.xml": web(painted("scratch", "a_mask_0.png")),
    }
    root = plant(tmp_path, tree)
    assert areas(fs.read(root)) == {
        ("Images/test/a.png", "scratch"): 6,
        ("Images/train/a.png", "dent"): 16,
        ("Images/train/a.png", "scratch"): 20,
    }
    plant(root, {"Annotations/test/a.xml": web(painted("scratch", "a_mask_7.png"))})
    with pytest.raises(DataError, match=r"test/a.xml: the picture 'a_mask_7.png' is not there"):
        fs.read(root)


@pytest.mark.parametrize(
    "text", ["", "<annotation>", '<!DOCTYPE x [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><annotation>&b;</annotation>', "<a>" * 100_000]
)
def test_xml_that_is_none_or_unfolds(tmp_path: Path, text: str) -> None:
    root = plant(tmp_path, {"images/c.jpg": picture(1), "labels/c.xml": XML.format(RING), "labels/d.xml": text})
    with pytest.raises(DataError, match="d.xml: is no XML that can be used"):
        fs.read(root)


def test_a_mask_of_another_size_is_told(tmp_path: Path) -> None:
    root = plant(tmp_path, voc() | {"SegmentationClass/a.png": Palette(np.ones((6, 8), np.uint8), ((0, 0, 0), (128, 0, 0)))})
    assert "mask is 8x6 but the picture is 16x12" in told(root)
