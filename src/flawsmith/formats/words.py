"""What people call folders: words for pictures without a defect, with one, for masks and for subsets, in several languages."""

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.casefold().split())


NORMAL = _words("""
    good goods ok okay normal normals free pass passed passes clean healthy golden perfect undamaged uncracked defect_free defectfree
    no_defect no_defects nodefect non_defect non_defective nondefective without_defect not_defective no_damage no_crack non_crack
    gut gutteil gutteile io i.o i.o. in_ordnung fehlerfrei ohne_fehler bon bonne bons conforme sain sans_defaut bueno buena buenos correcto
    sin_defecto buono buoni dobry dobre goed norm 正常 良品 合格 良好 无缺陷 無欠陥 정상 양품 норма годен
""")
DEFECT = _words("""
    bad bads ng nok ko not_ok not_good defect defects defective defected anomaly anomalies anomalous anomal abnormal abnormals fail failed
    fails faulty fault faults reject rejects rejected broken damaged schlecht schlechtteil schlechtteile nio n.i.o n.i.o. fehler
    fehlerhaft defekt defekte ausschuss mauvais mauvaise defaut défaut defauts défauts malo malos mala defecto defectos difetto difetti
    difettoso scarto zly fout 不良 缺陷 异常 異常 不合格 瑕疵 欠陥 불량 결함 брак дефект
""")
MASKS = _words("""
    mask masks lab labs ground_truth groundtruth ground_truths gt gts label labels annotation annotations anno annos seg segs segmentation
    segmentations segmask segmasks labelmask target targets maske masken masque masques mascara mascaras máscara máscaras maschera
    maschere 掩码 掩膜 标签 标注 マスク 마스크 маска маски
""")
PICTURES = _words("""
    image images img imgs picture pictures pic pics photo photos input inputs rgb original originals orig source sources src sample
    samples raw jpegimages jpg jpeg png bmp bild bilder foto fotos immagini imagenes imágenes 图像 图片 画像 이미지 изображения
""")
PARTS = _words("train training test testing val valid validation dev eval")
_MASK = r"(?:masks?|gt|labels?|seg|segmentation|anno|annotation|ground_?truth|maske)"
NUMBERED = re.compile(rf"{_MASK}[ _-]?\d+$", re.IGNORECASE)  # one of several masks of a picture: part1_mask2
_ENDING = re.compile(rf"^(?P<stem>.+?)[ _.-]+{_MASK}(?:[ _-]?\d+)?$", re.IGNORECASE)
_START = re.compile(rf"^{_MASK}[ _.-]+(?P<stem>.+)$", re.IGNORECASE)


def key(name: str) -> str:
    """Return a folder's name as its words are compared."""
    return re.sub(r"[ _-]+", "_", name.strip()).casefold()


def words(name: str) -> list[str]:
    """Return the words of a folder's name; one that is known as a whole is one word."""
    whole = key(name)
    known = NORMAL | DEFECT | MASKS | PICTURES | PARTS
    return [whole] if whole in known else [word for word in whole.split("_") if word]


def is_normal(name: str) -> bool:
    """Return whether a class or folder is called as what has no defect."""
    return key(name) in NORMAL


def unmasked(stem: str) -> str | None:
    """Return the name of the picture that a mask's name, without suffix, was made from; None where it is none: part1_mask, mask_part1."""
    found = _ENDING.match(stem) or _START.match(stem)
    return found["stem"] if found else None
